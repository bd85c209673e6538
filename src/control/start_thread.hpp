// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace phalanx::control {

// A thread that takes no signals: those are for the control thread. `name` has at most 15 bytes.
// Throws std::system_error when there can be no thread.
template <typename Body>
[[nodiscard]] std::thread start_thread(const char* name, Body body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  // The new thread inherits the mask.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), name);
  return thread;
}

}  // namespace phalanx::control
