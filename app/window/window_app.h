#pragma once

#include "app/cli/cli.h"

namespace vitrine::app {

/// What must be set before the `QApplication` is made: names, the kind of settings file.
void prepare_application();

/// Opens the window and runs it to its end.
/// Without a display, a screenshot is taken under Xvfb: the program starts itself again there.
/// @return exit code of the process: 0; 2 without a display; 3 when the model, input or session was refused
int run_window(int argc, char** argv, const WindowOptions& options);

}  // namespace vitrine::app
