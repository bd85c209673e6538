# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""What a live test says and counts: checks that pass or fail, and packets that went missing."""

# A lab on a busy machine loses a frame now and then and pings are repeated for it; a gateway that
# loses packets loses more of them than this in a whole run.
MOST_LOST = 5


class Checks:
    """Counts what passed and prints what did not."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = 0
        self.lost = 0  # pings sent and never answered, though a repetition was

    def add(self, what, problem):
        """problem: None when all is well."""
        if problem is None:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{self.name}: {'FAILED' if problem else 'ok    '} {what}", flush=True)
        if problem:
            print("  " + str(problem).replace("\n", "\n  "), flush=True)

    def summary(self):
        """Prints the sum, the losses among it; returns the exit status."""
        self.add(f"{self.lost} pings lost",
                 None if self.lost <= MOST_LOST else f"more than {MOST_LOST}")
        print(f"{self.name}: {self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0
