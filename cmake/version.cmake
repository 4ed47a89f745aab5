# "core/version_gen.h": WEIR_VERSION from the project, WEIR_COMMIT from git. It is written anew when HEAD moves, not on
# every build, and one source includes it.
find_program(GIT_PROGRAM git)
set(version_depends ${PROJECT_SOURCE_DIR}/CMakeLists.txt)
if(GIT_PROGRAM)
    execute_process(COMMAND ${GIT_PROGRAM} rev-parse --git-path logs/HEAD WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
        OUTPUT_VARIABLE head_log OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE git_status)
    if(git_status EQUAL 0)
        get_filename_component(head_log ${head_log} ABSOLUTE BASE_DIR ${PROJECT_SOURCE_DIR})
        if(EXISTS ${head_log})
            list(APPEND version_depends ${head_log})
        endif()
    endif()
endif()

set(version_header ${PROJECT_BINARY_DIR}/gen/core/version_gen.h)
add_custom_command(OUTPUT ${version_header}
    COMMAND ${CMAKE_COMMAND} -D git=${GIT_PROGRAM} -D source=${PROJECT_SOURCE_DIR} -D version=${PROJECT_VERSION}
        -D header=${version_header} -P ${PROJECT_SOURCE_DIR}/cmake/write_version.cmake
    DEPENDS ${version_depends} ${PROJECT_SOURCE_DIR}/cmake/write_version.cmake
    COMMENT "writing core/version_gen.h" VERBATIM)
add_custom_target(weir_version DEPENDS ${version_header})
