# The window with an engine and panels of the tests' own.
vitrine_gui_test(window_jobs_test window_jobs_test.cpp LIBS vitrine_jobs)
vitrine_gui_test(window_test window_test.cpp window_fake.cpp window_fake.h LIBS vitrine_window)
