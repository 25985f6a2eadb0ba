// A program that runs beside this process and dies with it.
#pragma once

#include "base/result.hpp"

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ssdfs::io {

/// A child process: standard input and output are /dev/null, standard error is ours, no other
/// descriptor and no blocked signal is inherited. Thread-safe.
class child_process {
 public:
  /// `arguments` are those behind the program's name; io if it cannot be started.
  static result<std::unique_ptr<child_process>> start(const std::string& program,
                                                      const std::vector<std::string>& arguments);
  /// Kills the child if it still runs, and waits for it.
  ~child_process();
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  /// Waits for its end; a success if it exited with 0. io with how it ended otherwise.
  result<void> wait();
  /// SIGKILL, unless it has ended.
  void kill();

 private:
  explicit child_process(pid_t pid) : pid_(pid) {}
  result<void> outcome() const;  // under mutex_

  const pid_t pid_;
  std::mutex mutex_;
  bool reaped_ = false;  // under mutex_: the pid may be somebody else's by now
  int status_ = 0;       // under mutex_
};

/// For a child that works for a server beside it: low priority for processor and disk, and
/// an end as soon as its parent, which must be `parent`, has ended.
void become_background_child(pid_t parent);

}  // namespace ssdfs::io
