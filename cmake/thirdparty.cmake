# The libraries weir stands on, as targets weir::<name>. They come from the system's packages; what a release does
# not package stands in build/deps, where tools/deps put it.
set(WEIR_DEPS ${PROJECT_SOURCE_DIR}/build/deps CACHE PATH "where tools/deps puts what the system does not package")
find_package(PkgConfig REQUIRED)

# weir_library(name pkg-config-module): weir::name is the system's library. The headers are system headers to the
# compiler, so that our warnings do not judge them.
function(weir_library name module)
    pkg_check_modules(${name} IMPORTED_TARGET GLOBAL ${module})
    if(NOT ${name}_FOUND)
        message(FATAL_ERROR "${module} was not found: run `tools/deps build` first")
    endif()
    add_library(weir::${name} ALIAS PkgConfig::${name})
endfunction()

# A static library of sources that are not ours: always optimised, never warned about.
function(weir_vendored name directory)
    list(TRANSFORM ARGN PREPEND ${directory}/ OUTPUT_VARIABLE sources)
    add_library(vendored_${name} STATIC ${sources})
    target_include_directories(vendored_${name} SYSTEM PUBLIC ${directory})
    target_compile_options(vendored_${name} PRIVATE -w -O2)
    add_library(weir::${name} ALIAS vendored_${name})
endfunction()

weir_library(uv libuv)
weir_library(fyaml libfyaml)
weir_library(sqlite sqlite3)
weir_library(ssl openssl)
weir_library(zstd libzstd)
weir_library(nghttp2 libnghttp2)
if(WEIR_TESTS)
    weir_library(cmocka cmocka)
endif()

if(EXISTS ${WEIR_DEPS}/yyjson/yyjson.c)
    weir_vendored(yyjson ${WEIR_DEPS}/yyjson yyjson.c)
elseif(EXISTS ${WEIR_DEPS}/yyjson/usr/include/yyjson.h)
    # The binary packages, unpacked: the shared library is found where it lies.
    file(GLOB yyjson_so ${WEIR_DEPS}/yyjson/usr/lib/*/libyyjson.so.0)
    add_library(weir::yyjson SHARED IMPORTED GLOBAL)
    set_target_properties(weir::yyjson PROPERTIES IMPORTED_LOCATION ${yyjson_so}
        INTERFACE_INCLUDE_DIRECTORIES ${WEIR_DEPS}/yyjson/usr/include)
else()
    weir_library(yyjson yyjson)
endif()

if(EXISTS ${WEIR_DEPS}/llhttp/llhttp.c)
    weir_vendored(llhttp ${WEIR_DEPS}/llhttp api.c http.c llhttp.c)
    # Version 8 is strict only when asked; its header and its sources must agree. Version 9 is always strict.
    target_compile_definitions(vendored_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
else()
    weir_library(llhttp libllhttp)
endif()
