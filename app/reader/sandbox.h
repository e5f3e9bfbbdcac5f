#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/error.h"

namespace vitrine::app {

/// Takes from this process, for good, what reading a file does not need. Landlock: every file but the lists of names
/// below `listed`. seccomp: every system call but those of memory, of the open channel and of asking what a file is;
/// opening a file fails, and a call of any other kind (a socket, another program, another process) ends the process.
/// @param listed the folder whose names may be listed; empty: none
/// @return what is in force: "seccomp", "Landlock 7"
/// @error Internal if seccomp, without which nothing is read, is not to be had
[[nodiscard]] engine::Result<std::vector<std::string>> enter_sandbox(const std::filesystem::path& listed);

}  // namespace vitrine::app
