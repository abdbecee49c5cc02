// The check of one load, and the count of what it takes from the heap.
#include "hostile.hpp"

#include <xquant/io/file.hpp>

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

namespace {

std::atomic<std::ptrdiff_t> live{0};
std::atomic<std::ptrdiff_t> highest{0};
std::ptrdiff_t start = 0;

// No test needs as much at once: what asks for it shall fail, not swap.
constexpr std::size_t most = std::size_t{1} << 31;

void* counted(void* memory) {
  const auto size = static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
  const std::ptrdiff_t now = live.fetch_add(size) + size;
  std::ptrdiff_t before = highest.load();
  while (now > before && !highest.compare_exchange_weak(before, now)) {
  }
  return memory;
}

void refused(std::size_t size) {
  // The request itself is what a loader must not make.
  std::ptrdiff_t before = highest.load();
  const auto now = static_cast<std::ptrdiff_t>(std::min<std::size_t>(size, PTRDIFF_MAX / 2));
  while (now > before && !highest.compare_exchange_weak(before, now)) {
  }
  throw std::bad_alloc();
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  live.fetch_sub(static_cast<std::ptrdiff_t>(malloc_usable_size(memory)));
  std::free(memory);
}

}  // namespace

// All forms, so that a sanitizer's own never meet these.
void* operator new(std::size_t size) {
  void* memory = size > most ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) refused(size);
  return counted(memory);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  void* memory = size > most ? nullptr : std::aligned_alloc(step, (size + step - 1) / step * step);
  if (memory == nullptr) refused(size);
  return counted(memory);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  void* memory = size > most ? nullptr : std::malloc(size == 0 ? 1 : size);
  return memory == nullptr ? nullptr : counted(memory);
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return operator new(size, alignment); }
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept { return operator new(size, tag); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }

namespace hostile {

void heap::begin() {
  start = live.load();
  highest = start;
}
std::size_t heap::peak() { return static_cast<std::size_t>(highest.load() - start); }

std::string fault_of(const loader& l, bytes file, answer* answered) {
  answer a;
  std::string fault;
  heap::begin();
  try {
    a = l.load(file);
  } catch (const std::exception& e) {
    fault = std::string("an exception that is not documented: ") + e.what();
  }
  const std::size_t used = heap::peak();
  const std::size_t allowed = l.multiple * file.size() + least;
  if (fault.empty() && used > allowed)
    fault = std::to_string(used) + " bytes of memory for a file of " + std::to_string(file.size()) + "; expected " +
            std::to_string(allowed);
  if (fault.empty() && a.message.size() > 2000)
    fault = "a message of " + std::to_string(a.message.size()) + " characters";
  if (answered != nullptr) *answered = std::move(a);
  return fault.empty() ? fault : std::string(l.name) + ": " + fault;
}

void require_no_fault(const loader& l, bytes file) {
  const std::string fault = fault_of(l, file);
  if (fault.empty()) return;
  std::fprintf(stderr, "%s\n", fault.c_str());
  std::abort();
}

std::vector<std::vector<std::byte>> read_corpus(const std::string& path) {
  const std::vector<std::byte> all = xquant::io::read_file(path);
  std::vector<std::vector<std::byte>> parts;
  for (std::size_t at = 0; at + 4 <= all.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, all.data() + at, 4);
    const std::size_t end = std::min(all.size(), at + 4 + length);
    parts.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(at + 4),
                       all.begin() + static_cast<std::ptrdiff_t>(end));
    at = end;
  }
  return parts;
}

}  // namespace hostile
