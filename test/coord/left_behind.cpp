// What the leak sanitizer is not to count. A connection that a member abandons because it must not
// wait for ZooKeeper leaves its handle to the client library's threads, on purpose.

extern "C" {
const char* __lsan_default_suppressions();
__attribute__((visibility("default"), used)) const char* __lsan_default_suppressions() {
  return "leak:libzookeeper_mt";
}
}
