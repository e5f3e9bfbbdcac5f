#include "app/window/kept.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include <QSettings>
#include <QThreadPool>

namespace vitrine::app {

namespace {

/// What is on its way to the disk, newest value of each key.
class Pending {
 public:
  Pending() { writer_.setMaxThreadCount(1); }   // in the order in which it came

  QVariant value(const QString& key) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = values_.find(key); found != values_.end()) return found->second.first;
    }
    return QSettings().value(key);
  }

  void put(const QString& key, const QVariant& value) {
    std::uint64_t number = 0;
    {
      const std::lock_guard lock(mutex_);
      number = ++last_;
      values_[key] = {value, number};
    }
    writer_.start([this, key, value, number] {
      if (QSettings file; value.isValid()) file.setValue(key, value);
      else file.remove(key);
      const std::lock_guard lock(mutex_);
      if (const auto found = values_.find(key); found != values_.end() && found->second.second == number) values_.erase(found);
    });
  }

  void wait() { writer_.waitForDone(); }

 private:
  std::mutex mutex_;
  std::map<QString, std::pair<QVariant, std::uint64_t>> values_;
  std::uint64_t last_ = 0;
  QThreadPool writer_;   // last: it ends before what it uses
};

Pending& pending() {
  static Pending all;
  return all;
}

}  // namespace

QVariant kept(const QString& key) { return pending().value(key); }
void keep(const QString& key, const QVariant& value) { pending().put(key, value); }
void wait_until_kept() { pending().wait(); }

}  // namespace vitrine::app
