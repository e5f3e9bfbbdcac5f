#pragma once

#include <string>

#include "engine/run/input.h"

namespace vitrine::app {

/// What the command line asks of the window.
struct WindowOptions {
  std::string model;        ///< empty: the start page
  engine::InputItem input;
  std::string session;      ///< session file to reopen
  std::string screenshot;   ///< write the window to this PNG once everything is computed, then leave
  std::string theme;        ///< "dark", "light" or empty: as the settings say
  int width = 1600, height = 1000;
};

/// Runs a command of the command line.
/// @return exit code, or -1 with `window` filled when the window is to be opened
int cli_main(int argc, char** argv, WindowOptions& window);

}  // namespace vitrine::app
