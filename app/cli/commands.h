#pragma once

#include <CLI/CLI.hpp>

#include "app/cli/context.h"

namespace vitrine::app {

// Each adds one command with its options; when it is chosen, `context.command` is set.
void add_inspect(CLI::App& root, Context& context);
void add_run(CLI::App& root, Context& context);
void add_map(CLI::App& root, Context& context);
void add_figure(CLI::App& root, Context& context);
void add_analyse(CLI::App& root, Context& context);
void add_compress(CLI::App& root, Context& context);
void add_verify(CLI::App& root, Context& context);
void add_parity(CLI::App& root, Context& context);
void add_batch(CLI::App& root, Context& context);
void add_list(CLI::App& root, Context& context);
void add_plugin(CLI::App& root, Context& context);

}  // namespace vitrine::app
