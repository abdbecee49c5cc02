// A calibrator of whatever type behind one interface, for programs that learn at run time which one a slot holds.
// Includes <memory>.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/calibrator_bytes.hpp>
#include <xquant/calibration/code_grid.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/view.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

namespace detail {

constexpr status calibrator_without_bytes() noexcept {
  return fault(errc::unsupported, "any_calibrator", 0, "a calibrator whose state has bytes");
}
template <class C>
status calibrator_to_bytes(const C& c, std::vector<std::uint8_t>& out) {
  if constexpr (requires { to_bytes(c); }) {
    out = to_bytes(c);
    return {};
  } else {
    return calibrator_without_bytes();
  }
}
template <class C>
status calibrator_from_bytes(const std::uint8_t* bytes, std::size_t size, C& out) {
  if constexpr (requires { try_from_bytes(bytes, size, out); })
    return try_from_bytes(bytes, size, out);
  else
    return calibrator_without_bytes();
}

}  // namespace detail

/// A Calibrator whose type is known at run time only; itself one. A regular value: copies share nothing, and two are
/// equal where their calibrators have one type and are equal. Takes tensors of float in any layout, on the default
/// engine. Whether order shows in its state is its calibrator's matter.
class any_calibrator {
 public:
  /// Holds none: observing and asking are refused (errc::unsupported).
  any_calibrator() = default;
  template <class C>
  requires(!is_same<C, any_calibrator> && Calibrator<C>) explicit any_calibrator(C held)
      : held_(std::make_unique<holder<C>>(std::move(held))) {}

  any_calibrator(const any_calibrator& other) : held_(other.held_ ? other.held_->copy() : nullptr) {}
  any_calibrator(any_calibrator&&) noexcept = default;
  any_calibrator& operator=(const any_calibrator& other) {
    if (this != &other) held_ = other.held_ ? other.held_->copy() : nullptr;
    return *this;
  }
  any_calibrator& operator=(any_calibrator&&) noexcept = default;
  ~any_calibrator() = default;

  /// Whether there is a calibrator.
  [[nodiscard]] bool has_value() const noexcept { return held_ != nullptr; }

  /// What the calibrator does with one tensor. Refuses what it refuses; nothing has changed then.
  [[nodiscard]] status try_observe(const tensor_view<const float>& x) {
    return held_ ? held_->try_observe(x) : no_calibrator();
  }
  /// As if this had also observed all that `other` did. Refuses (errc::not_mergeable) a calibrator of another type, and
  /// what the calibrator refuses: other settings, and two sides of data where the order shows. Nothing has changed
  /// then.
  [[nodiscard]] status try_merge(const any_calibrator& other) {
    if (!other.held_ && !held_) return {};
    if (!held_ || !other.held_ || held_->type() != other.held_->type())
      return fault(errc::not_mergeable, "other", 0, "a calibrator of the same type");
    return held_->try_merge(*other.held_);
  }
  /// One range per parameter slot, for a quantizer or a code_grid of it. Refuses what the calibrator refuses, `out`
  /// untouched.
  [[nodiscard]] status try_ranges(const code_grid& codes, std::vector<range<float>>& out) const {
    return held_ ? held_->try_ranges(codes, out) : no_calibrator();
  }
#if XQUANT_HAS_EXCEPTIONS
  void observe(const tensor_view<const float>& x) { throw_if(try_observe(x)); }
  void merge(const any_calibrator& other) { throw_if(try_merge(other)); }
  [[nodiscard]] std::vector<range<float>> ranges(const code_grid& codes) const {
    std::vector<range<float>> out;
    throw_if(try_ranges(codes, out));
    return out;
  }
#endif

  /// Parameter slots of the tensors observed, 0 before the first.
  [[nodiscard]] std::size_t slots() const noexcept { return held_ ? held_->slots() : 0; }

  /// The calibrator's state as bytes (observer_bytes.hpp, calibrator_bytes.hpp). Refuses (errc::unsupported) none, and
  /// calibrators whose state has no bytes; `out` is untouched then.
  [[nodiscard]] status try_to_bytes(std::vector<std::uint8_t>& out) const {
    return held_ ? held_->try_to_bytes(out) : no_calibrator();
  }
  /// Takes the state that try_to_bytes of a calibrator of this type, with the same settings, has written. Refuses what
  /// try_from_bytes of the calibrator refuses; nothing has changed then.
  [[nodiscard]] status try_from_bytes(const std::uint8_t* bytes, std::size_t size) {
    return held_ ? held_->try_from_bytes(bytes, size) : no_calibrator();
  }

  /// The calibrator, where it is a C; or null.
  template <class C>
  [[nodiscard]] const C* get() const noexcept {
    return held_ && held_->type() == &type_of<C> ? &static_cast<const holder<C>&>(*held_).held : nullptr;
  }

  friend bool operator==(const any_calibrator& a, const any_calibrator& b) {
    if (!a.held_ || !b.held_) return !a.held_ && !b.held_;
    return a.held_->type() == b.held_->type() && a.held_->is_equal(*b.held_);
  }

 private:
  // One object per type, whose address tells types apart.
  template <class C>
  static constexpr char type_of = 0;

  struct interface {
    interface() = default;
    interface(const interface&) = delete;
    interface& operator=(const interface&) = delete;
    virtual ~interface() = default;
    [[nodiscard]] virtual const char* type() const noexcept = 0;
    [[nodiscard]] virtual std::unique_ptr<interface> copy() const = 0;
    [[nodiscard]] virtual status try_observe(const tensor_view<const float>& x) = 0;
    [[nodiscard]] virtual status try_ranges(const code_grid& codes, std::vector<range<float>>& out) const = 0;
    [[nodiscard]] virtual std::size_t slots() const noexcept = 0;
    [[nodiscard]] virtual status try_to_bytes(std::vector<std::uint8_t>& out) const = 0;
    [[nodiscard]] virtual status try_from_bytes(const std::uint8_t* bytes, std::size_t size) = 0;
    // Of the same type.
    [[nodiscard]] virtual status try_merge(const interface& other) = 0;
    [[nodiscard]] virtual bool is_equal(const interface& other) const = 0;
  };

  template <class C>
  struct holder final : interface {
    explicit holder(C c) : held(std::move(c)) {}
    [[nodiscard]] const char* type() const noexcept override { return &type_of<C>; }
    [[nodiscard]] std::unique_ptr<interface> copy() const override { return std::make_unique<holder>(held); }
    [[nodiscard]] status try_observe(const tensor_view<const float>& x) override { return held.try_observe(x); }
    [[nodiscard]] status try_ranges(const code_grid& codes, std::vector<range<float>>& out) const override {
      if constexpr (detail::AnswersForCodes<C, float>)
        return held.try_ranges(codes, out);
      else
        return held.try_ranges(out);
    }
    [[nodiscard]] std::size_t slots() const noexcept override { return held.slots(); }
    [[nodiscard]] status try_to_bytes(std::vector<std::uint8_t>& out) const override {
      return detail::calibrator_to_bytes(held, out);
    }
    [[nodiscard]] status try_from_bytes(const std::uint8_t* bytes, std::size_t size) override {
      return detail::calibrator_from_bytes(bytes, size, held);
    }
    [[nodiscard]] status try_merge(const interface& other) override {
      return held.try_merge(static_cast<const holder&>(other).held);
    }
    [[nodiscard]] bool is_equal(const interface& other) const override {
      return held == static_cast<const holder&>(other).held;
    }
    C held;
  };

  static status no_calibrator() noexcept {
    return fault(errc::unsupported, "any_calibrator", 0, "a calibrator: this one holds none");
  }

  std::unique_ptr<interface> held_;
};

static_assert(Calibrator<any_calibrator>);

}  // namespace xquant
