# Run by cmake/version.cmake at build time.
set(commit unknown)
if(git)
    execute_process(COMMAND ${git} rev-parse --short=10 HEAD WORKING_DIRECTORY ${source}
        OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        set(commit unknown)
    endif()
endif()
file(WRITE ${header} "#ifndef CORE_VERSION_GEN_H
#define CORE_VERSION_GEN_H

#define WEIR_VERSION \"${version}\"
#define WEIR_COMMIT \"${commit}\"

#endif
")
