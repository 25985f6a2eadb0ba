// A client of the simulation: takes grants, writes chunks, commits files, overwrites and removes
// them, and repeats what got no answer.
#pragma once

#include "meta/commands.hpp"
#include "sim/sim_master.hpp"
#include "sim/world.hpp"

#include <optional>
#include <set>
#include <string>

namespace ssdfs::sim {

class client : public process {
 public:
  client(world& w, int index);
  void start();
  /// Finishes what it does and begins nothing new.
  void stop() { stopping_ = true; }
  /// Vanishes without ending its grant; another object takes its place.
  void crash();
  [[nodiscard]] bool idle() const { return idle_; }

 private:
  void next();
  void take_grant();
  void write_chunk();
  void commit(const std::string& path, chunk_key key, const content& what);
  void remove(const std::string& path);
  void give_up_grant();
  /// Asks the master that leads. `done` gets the first answer; `retry` is called if none comes.
  template <class Answer>
  void call(std::function<void(master&, std::function<void(Answer)>)> request,
            std::function<void(Answer)> done, std::function<void()> retry);

  int index_;
  client_id id_;
  std::uint64_t sequence_ = 0;
  std::optional<grant> grant_;
  chunk_key next_key_ = 0;
  std::vector<std::string> exclude_;
  std::set<std::string> mine_;
  std::string doing_;  ///< path that is being committed or removed
  bool stopping_ = false;
  bool idle_ = true;
  std::uint64_t files_ = 0;
};

}  // namespace ssdfs::sim
