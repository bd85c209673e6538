// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// Runs a fuzz entry without libFuzzer: every file of the given folders, whole and cut at every
// length, each time in a heap block of exactly that size, so that AddressSanitizer sees the first
// byte read too many. Exit 0 when all ran, 1 when a folder is missing or holds no file, 2 usage.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

void run_exact(const std::vector<char>& input, std::size_t length) {
  const auto block = std::make_unique<std::uint8_t[]>(length);
  std::copy_n(input.begin(), length, block.get());
  LLVMFuzzerTestOneInput(block.get(), length);
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (at->is_regular_file()) files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool replay(const fs::path& folder) {
  const auto files = files_below(folder);
  std::size_t inputs = 0;
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> input(std::istreambuf_iterator<char>(file), {});
    if (!file.is_open() || file.bad()) {
      std::fprintf(stderr, "cannot read %s\n", path.c_str());
      return false;
    }
    for (std::size_t length = 0; length <= input.size(); ++length) run_exact(input, length);
    inputs += input.size() + 1;
  }
  std::printf("%s: %zu files, %zu inputs\n", folder.c_str(), files.size(), inputs);
  return !files.empty();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
    return 2;
  }
  bool all = true;
  for (int i = 1; i < argc; ++i) {
    if (!replay(argv[i])) {
      std::fprintf(stderr, "%s: no corpus\n", argv[i]);
      all = false;
    }
  }
  return all ? 0 : 1;
}
