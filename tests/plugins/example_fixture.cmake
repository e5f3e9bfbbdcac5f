# Read by ctest after the tests are discovered: the example's own test needs the example to be built first.
set_tests_properties(ExamplePlugin.EqualsTheMapsThatItWasHanded PROPERTIES FIXTURES_REQUIRED example)
