// A move-only std::function: what completion handlers and queued work are kept in.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace ssdfs {

template <class Signature>
class unique_function;

/// Owns a callable that may be move-only. Callables up to 48 bytes live inside, so the steady
/// state allocates nothing. Empty after a move; calling an empty one is undefined. Not
/// thread-safe.
template <class R, class... Args>
class unique_function<R(Args...)> {
 public:
  unique_function() noexcept = default;
  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, unique_function> &&
             std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
  unique_function(F&& f) {
    using callable = std::decay_t<F>;
    if constexpr (fits<callable>) {
      ::new (static_cast<void*>(space_)) callable(std::forward<F>(f));
      ops_ = &inline_ops<callable>;
    } else {
      ::new (static_cast<void*>(space_)) callable*(new callable(std::forward<F>(f)));
      ops_ = &heap_ops<callable>;
    }
  }
  unique_function(unique_function&& other) noexcept { take(other); }
  unique_function& operator=(unique_function&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~unique_function() { reset(); }

  explicit operator bool() const noexcept { return ops_ != nullptr; }
  R operator()(Args... args) { return ops_->call(space_, std::forward<Args>(args)...); }
  void reset() noexcept {
    if (ops_ != nullptr) {
      ops_->destroy(space_);
      ops_ = nullptr;
    }
  }

 private:
  static constexpr std::size_t room = 48;
  struct ops {
    R (*call)(void*, Args&&...);
    void (*move)(void* from, void* to) noexcept;
    void (*destroy)(void*) noexcept;
  };
  template <class F>
  static constexpr bool fits = sizeof(F) <= room && alignof(F) <= alignof(std::max_align_t) &&
                               std::is_nothrow_move_constructible_v<F>;
  template <class F>
  static constexpr ops inline_ops = {[](void* p, Args&&... args) -> R {
                                       return (*static_cast<F*>(p))(std::forward<Args>(args)...);
                                     },
                                     [](void* from, void* to) noexcept {
                                       ::new (to) F(std::move(*static_cast<F*>(from)));
                                       static_cast<F*>(from)->~F();
                                     },
                                     [](void* p) noexcept { static_cast<F*>(p)->~F(); }};
  template <class F>
  static constexpr ops heap_ops = {
      [](void* p, Args&&... args) -> R {
        return (**static_cast<F**>(p))(std::forward<Args>(args)...);
      },
      [](void* from, void* to) noexcept { ::new (to) F*(*static_cast<F**>(from)); },
      [](void* p) noexcept { delete *static_cast<F**>(p); }};

  void take(unique_function& other) noexcept {
    ops_ = std::exchange(other.ops_, nullptr);
    if (ops_ != nullptr) ops_->move(other.space_, space_);
  }

  const ops* ops_ = nullptr;
  alignas(std::max_align_t) std::byte space_[room];
};

}  // namespace ssdfs
