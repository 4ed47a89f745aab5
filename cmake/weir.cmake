# The functions with which layers and tests are added.
include_guard()
find_package(Threads REQUIRED)

# Paths relative to the current source folder; a file that is not there is an error that names the list to mend.
function(weir_existing ret_files)
    set(files "")
    foreach(file IN LISTS ARGN)
        get_filename_component(path ${file} ABSOLUTE)
        if(NOT EXISTS ${path})
            message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR}/CMakeLists.txt lists ${file}, which does not exist")
        endif()
        list(APPEND files ${path})
    endforeach()
    set(${ret_files} ${files} PARENT_SCOPE)
endfunction()

# Our flags for one target; WEIR_IN_<LAYER> tells a source where it stands.
function(weir_compile target layer)
    string(TOUPPER ${layer} upper)
    target_link_libraries(${target} PUBLIC weir_flags)
    target_compile_definitions(${target} PRIVATE WEIR_IN_${upper})
    target_compile_options(${target} PRIVATE -include ${PROJECT_SOURCE_DIR}/src/core/banned.h)
endfunction()

# Links a target with layers (`core`) and libraries (`weir::uv`).
function(weir_use target)
    foreach(item IN LISTS ARGN)
        if(item MATCHES "::")
            target_link_libraries(${target} PUBLIC ${item})
        elseif(TARGET weir_${item})
            target_link_libraries(${target} PUBLIC weir_${item})
        else()
            message(FATAL_ERROR "${target} uses ${item}, which is no layer, or a layer that is not below it")
        endif()
    endforeach()
endfunction()

# weir_layer(<name> SOURCES <file>... [USES <layer|weir::library>...] [RAW_MEMORY <file>...] [RAW_NUMBERS <file>...])
# One static library, weir_<name>. The sources of RAW_MEMORY may call malloc, those of RAW_NUMBERS strtol and its family;
# see core/banned.h.
function(weir_layer name)
    cmake_parse_arguments(arg "" "" "SOURCES;USES;RAW_MEMORY;RAW_NUMBERS" ${ARGN})
    weir_existing(sources ${arg_SOURCES})
    add_library(weir_${name} STATIC ${sources})
    weir_compile(weir_${name} ${name})
    weir_use(weir_${name} ${arg_USES})
    if(name STREQUAL core)
        target_compile_definitions(weir_core PRIVATE WEIR_RAW_MEMORY)
        list(APPEND arg_RAW_NUMBERS str.c)
        target_link_libraries(weir_core PUBLIC Threads::Threads m)
        add_dependencies(weir_core weir_version)
    endif()
    foreach(file IN LISTS arg_RAW_MEMORY)
        set_property(SOURCE ${file} APPEND PROPERTY COMPILE_DEFINITIONS WEIR_RAW_MEMORY)
    endforeach()
    foreach(file IN LISTS arg_RAW_NUMBERS)
        set_property(SOURCE ${file} APPEND PROPERTY COMPILE_DEFINITIONS WEIR_RAW_NUMBERS)
    endforeach()
endfunction()

# What a sanitizer needs to fail loudly.
set(WEIR_TEST_ENVIRONMENT
    "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1")

# weir_unit(<layer>/<module> [USES <layer|weir::library>...] [SOURCES <more>...] [TIMEOUT <seconds>])
# The suite tests/unit/<layer>/<module>_test.c: one program, one ctest entry `unit/<layer>/<module>`. Called from the
# folder of the test; further sources are relative to it. Tests may include "fake/..." of tests/.
function(weir_unit suite)
    cmake_parse_arguments(arg "" "TIMEOUT" "USES;SOURCES" ${ARGN})
    string(REGEX REPLACE "/.*" "" layer ${suite})
    string(MAKE_C_IDENTIFIER test_${suite} target)
    weir_existing(sources ${PROJECT_SOURCE_DIR}/tests/unit/${suite}_test.c ${arg_SOURCES})
    add_executable(${target} ${sources})
    target_link_libraries(${target} PRIVATE weir_flags)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_compile_definitions(${target} PRIVATE WEIR_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    weir_use(${target} ${arg_USES} ${layer} weir::cmocka)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME unit/${suite} COMMAND ${target})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300)
    endif()
    set_tests_properties(unit/${suite} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS unit
        ENVIRONMENT "${WEIR_TEST_ENVIRONMENT}")
endfunction()

# weir_fuzz(<name> [USES ...]): tests/fuzz/<name>_fuzz.c, which defines LLVMFuzzerTestOneInput. With WEIR_FUZZ it is a
# libFuzzer program; otherwise it replays the files of seeds/<name> and crashes/<name> as the ctest entry `fuzz/<name>`.
function(weir_fuzz name)
    cmake_parse_arguments(arg "" "" "USES" ${ARGN})
    weir_existing(sources ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}_fuzz.c)
    add_executable(fuzz_${name} ${sources})
    target_link_libraries(fuzz_${name} PRIVATE weir_flags)
    target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    weir_use(fuzz_${name} ${arg_USES})
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    set(inputs "")
    foreach(folder IN ITEMS seeds/${name} crashes/${name})
        if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/fuzz/${folder})
            list(APPEND inputs ${PROJECT_SOURCE_DIR}/tests/fuzz/${folder})
        endif()
    endforeach()
    if(WEIR_FUZZ)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        list(PREPEND inputs -runs=0)
    else()
        target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
    endif()
    add_test(NAME fuzz/${name} COMMAND fuzz_${name} ${inputs})
    set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 300 LABELS fuzz ENVIRONMENT "${WEIR_TEST_ENVIRONMENT}")
endfunction()

# weir_embed(<target> <symbol> <file>): the bytes of a data file as `data_<symbol>` and `data_<symbol>_len`, declared in
# "<symbol>_gen.h". A zero byte follows the data and is not counted. Called after weir_layer(); the file is relative to
# the project's root.
if(NOT TARGET weir_embed_tool)
    add_executable(weir_embed_tool ${PROJECT_SOURCE_DIR}/tools/embed.c)
    target_link_libraries(weir_embed_tool PRIVATE weir_flags)
    set_target_properties(weir_embed_tool PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tools
        INTERPROCEDURAL_OPTIMIZATION OFF)
endif()
function(weir_embed target symbol file)
    set(directory ${PROJECT_BINARY_DIR}/gen/embed)
    set(source ${directory}/${symbol}_gen.c)
    set(header ${directory}/${symbol}_gen.h)
    file(MAKE_DIRECTORY ${directory})
    add_custom_command(OUTPUT ${source} ${header}
        COMMAND weir_embed_tool ${symbol} ${PROJECT_SOURCE_DIR}/${file} ${source} ${header}
        DEPENDS ${PROJECT_SOURCE_DIR}/${file}
        COMMENT "embedding ${file}" VERBATIM)
    target_sources(${target} PRIVATE ${source} ${header})
    target_include_directories(${target} PRIVATE ${directory})
endfunction()
