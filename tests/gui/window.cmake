# The window with an engine and panels of the tests' own.
vitrine_gui_test(window_jobs_test window_jobs_test.cpp LIBS vitrine_jobs)
vitrine_gui_test(window_test window_test.cpp window_fake.cpp window_fake.h LIBS vitrine_window)
# The real window with the real engine on the demo models; only the hands of a person drive it.
if(TARGET vitrine_window_app)
  add_library(gui_real_window STATIC command_line.cpp hands.cpp real_window.cpp)
  target_link_libraries(gui_real_window PUBLIC vitrine_flags vitrine_window_app Qt6::Test)
  target_compile_definitions(gui_real_window PRIVATE VITRINE_PROGRAM="$<TARGET_FILE:vitrine>")
  foreach(what apply branches demos drop kill numbers story tensors)
    vitrine_gui_test(window_${what}_test window_${what}_test.cpp LIBS gui_real_window TIMEOUT 300)
    add_dependencies(window_${what}_test vitrine vitrine_plugins)
  endforeach()
endif()
# Not a test: draws the pictures of resources/docs anew, to be looked at by a person.
if(TARGET vitrine_window_app)
  add_custom_target(pictures COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/pictures.sh $<TARGET_FILE:vitrine> USES_TERMINAL VERBATIM)
  add_dependencies(pictures vitrine vitrine_plugins)
endif()
