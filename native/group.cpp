// Process groups: libtorch's Gloo over TCP, for tensors in main memory. A library of its own, because Gloo's headers come in a package of
// their own; without them everything but several processes still works.
// Boundary and errors are the door's (boundary.h).

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "boundary.h"

#include <chrono>
#include <cstring>
#include <vector>

#ifndef USE_C10D_GLOO
#error "this libtorch was built without Gloo"
#endif

namespace {

using Store = c10::intrusive_ptr<c10d::Store>;
using Group = c10::intrusive_ptr<c10d::ProcessGroupGloo>;  // a ProcessGroup in 1.13, a Backend in 2.x; its collectives are the same

std::chrono::milliseconds milliseconds(int64_t count) { return std::chrono::milliseconds(count); }

c10d::ProcessGroupGloo& group_of(void* handle) { return **static_cast<Group*>(handle); }

Store& store_of(void* handle) { return *static_cast<Store*>(handle); }

}  // namespace

thread_local std::string last_error;

ESP_API int32_t esp_group_init() noexcept { return kInterface; }

ESP_API const char* esp_group_error() noexcept { return last_error.c_str(); }

// ---- the store where processes find each other ----

ESP_API int32_t esp_store_new(const char* host, int32_t port, int32_t serve, int64_t timeout, void** out) {
  return guarded([&] {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(port);
    options.isServer = serve != 0;
    options.waitWorkers = false;
    options.timeout = milliseconds(timeout);
    *out = new Store(c10::make_intrusive<c10d::TCPStore>(host, options));
  });
}

ESP_API int32_t esp_store_set(void* store, const char* key, const char* value) {
  return guarded([&] { store_of(store)->set(key, std::vector<uint8_t>(value, value + std::strlen(value))); });
}

// Waits until another process has set the key; the value ends with a zero.
ESP_API int32_t esp_store_get(void* store, const char* key, char* value, int32_t capacity) {
  return guarded([&] {
    const auto bytes = store_of(store)->get(key);
    TORCH_CHECK(static_cast<int32_t>(bytes.size()) < capacity, "the value of ", key, " is too long");
    std::memcpy(value, bytes.data(), bytes.size());
    value[bytes.size()] = 0;
  });
}

ESP_API void esp_store_free(void* store) {
  guarded([&] { delete static_cast<Store*>(store); });
}

// ---- the group ----

ESP_API int32_t esp_group_new(void* store, int32_t rank, int32_t size, const char* address, const char* interface, int64_t timeout, void** out) {
  return guarded([&] {
    const auto options = c10d::ProcessGroupGloo::Options::create(milliseconds(timeout));
    options->devices.push_back(interface != nullptr ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                                    : c10d::ProcessGroupGloo::createDeviceForHostname(address));
    *out = new Group(c10::make_intrusive<c10d::ProcessGroupGloo>(store_of(store), rank, size, options));
  });
}

ESP_API void esp_group_free(void* group) {
  guarded([&] { delete static_cast<Group*>(group); });
}

// The sum over all processes, in place.
ESP_API int32_t esp_group_sum(void* group, const void* tensor) {
  return guarded([&] {
    std::vector<at::Tensor> tensors{borrow(tensor)};
    group_of(group).allreduce(tensors)->wait();
  });
}

// What the root holds, in place.
ESP_API int32_t esp_group_broadcast(void* group, const void* tensor, int32_t root) {
  return guarded([&] {
    std::vector<at::Tensor> tensors{borrow(tensor)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    group_of(group).broadcast(tensors, options)->wait();
  });
}

ESP_API int32_t esp_group_barrier(void* group) {
  return guarded([&] { group_of(group).barrier()->wait(); });
}
