# Writes one add_test for every test of a Criterion program, at build time, from what `program --list` prints:
#   suite: 2 tests
#   ├── name
#   └── name
# cmake -DPROGRAM=... -DOUTPUT=... -DFOLDER=... -P discover.cmake
execute_process(COMMAND ${PROGRAM} --list OUTPUT_VARIABLE list RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} --list failed")
endif()
get_filename_component(program ${PROGRAM} NAME)
string(REPLACE "\n" ";" lines "${list}")
set(text "")
foreach(line IN LISTS lines)
    if(line MATCHES "^([A-Za-z0-9_]+): [0-9]+ tests?$")
        set(suite ${CMAKE_MATCH_1})
    elseif(line MATCHES "([A-Za-z0-9_]+)( \\(.*\\))?$")
        set(test "${suite}/${CMAKE_MATCH_1}")
        # A filter that matches nothing exits with 0. A test that cannot run prints "skipped: no ...".
        string(APPEND text
            "add_test(\"${program}.${test}\" \"${PROGRAM}\" --filter=${test} -j1)\n"
            "set_tests_properties(\"${program}.${test}\" PROPERTIES WORKING_DIRECTORY \"${FOLDER}\" TIMEOUT 300"
            " FAIL_REGULAR_EXPRESSION \"Tested: 0\" SKIP_REGULAR_EXPRESSION \"skipped: no \")\n")
    endif()
endforeach()
if(text STREQUAL "")
    message(FATAL_ERROR "${PROGRAM} has no tests")
endif()
file(WRITE ${OUTPUT} "${text}")
