# The window with an engine and panels of the tests' own.
vitrine_gui_test(window_jobs_test window_jobs_test.cpp LIBS vitrine_jobs)
vitrine_gui_test(window_test window_test.cpp window_fake.cpp window_fake.h LIBS vitrine_window)
# The real window with the real engine on the demo models.
if(TARGET vitrine_window_app)
  vitrine_gui_test(window_real_test window_real_test.cpp LIBS vitrine_window_app TIMEOUT 600)
  add_dependencies(window_real_test vitrine_plugins)
endif()
