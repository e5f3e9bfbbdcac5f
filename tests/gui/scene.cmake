if(TARGET views_scene)
  vitrine_gui_test(test_scene_trajectory scene_trajectory_test.cpp LIBS views_scene)
endif()
