# What every target of this project shares: language level, warnings, sanitizers, include root.
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
if(RINGSIDE_ASSERTS)
  foreach(lang C CXX)
    foreach(config RELEASE RELWITHDEBINFO)
      string(REPLACE "-DNDEBUG" "" CMAKE_${lang}_FLAGS_${config} "${CMAKE_${lang}_FLAGS_${config}}")
    endforeach()
  endforeach()
endif()

option(RINGSIDE_PRECOMPILE "Precompile the large headers of other projects" ON)

find_program(RINGSIDE_CCACHE ccache)
if(RINGSIDE_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${RINGSIDE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${RINGSIDE_CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.74 REQUIRED)

add_library(ringside_options INTERFACE)
target_compile_options(ringside_options INTERFACE -Wall -Wextra -Wpedantic -Werror -Wshadow
  "$<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor;-Woverloaded-virtual>")
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees an overlap in `const char* + std::string&&` at -O3 that is not there (GCC bug 105651), and in
  # tests, whose precompiled headers are not the system's to it, also a copy that is too long.
  target_compile_options(ringside_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>
    "$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-Wno-stringop-overflow>")
endif()
if(RINGSIDE_SANITIZE)
  target_compile_options(ringside_options INTERFACE -fsanitize=${RINGSIDE_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(ringside_options INTERFACE -fsanitize=${RINGSIDE_SANITIZE})
  if(RINGSIDE_SANITIZE MATCHES thread)
    # GCC warns that TSan does not see fences; ours stand between atomics, which it does see.
    target_compile_options(ringside_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
endif()
# Includes are written from the project's root: "proto/histogram.h".
target_include_directories(ringside_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(ringside_options INTERFACE RINGSIDE_VERSION="${PROJECT_VERSION}")

# ringside_target(NAME STANDARD): language level and the shared options for one of our targets.
function(ringside_target name standard)
  target_compile_features(${name} PRIVATE cxx_std_${standard})
  target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:ringside_options>)
endfunction()

# ringside_precompile(NAME HEADERS...): saves most of the time of a build from nothing. Each file still
# includes what it uses: the lint preset builds without.
function(ringside_precompile name)
  if(RINGSIDE_PRECOMPILE)
    target_precompile_headers(${name} PRIVATE ${ARGN})
    target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)  # for ccache
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      # The same bug's other names: GCC does not see that precompiled headers are the system's. What they
      # could find is found by the sanitizers and by clang-tidy.
      target_compile_options(${name} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
        -Wno-maybe-uninitialized)
    endif()
  endif()
endfunction()

# ringside_test(NAME SOURCES... [LIBS ...] [LABELS ...] [TIMEOUT s] [SHARDS n]): one GoogleTest binary, known
# to ctest; its cases in n parts that run beside each other.
function(ringside_test name)
  cmake_parse_arguments(arg "" "TIMEOUT;SHARDS" "LIBS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  ringside_target(${name} 20)
  target_link_libraries(${name} PRIVATE ${arg_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
  if(RINGSIDE_PRECOMPILE)
    target_precompile_headers(${name} REUSE_FROM ringside_test_headers)
    target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  endif()
  if(NOT arg_SHARDS)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
    return()
  endif()
  math(EXPR last "${arg_SHARDS} - 1")
  foreach(shard RANGE ${last})
    add_test(NAME ${name}_${shard} COMMAND ${name})
    set_tests_properties(${name}_${shard} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${arg_SHARDS};GTEST_SHARD_INDEX=${shard}")
  endforeach()
endfunction()
