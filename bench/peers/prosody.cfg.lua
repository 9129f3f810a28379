-- prosody for benchmarking only: plain TCP on loopback, no TLS, no limits
run_as_root = true
data_path = "@RUN@/data"
plugin_paths = {}
pidfile = "@RUN@/prosody.pid"
interfaces = { "127.0.0.1" }
c2s_ports = { @PORT@ }
s2s_ports = {}
legacy_ssl_ports = {}
local_interfaces = { "127.0.0.1" }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
modules_enabled = { "roster", "saslauth", "disco", @MODULES@ }
modules_disabled = { "s2s", "tls" }
-- a rate limit only exists if mod_limits is enabled; it is not
storage = @STORAGE@
sql = { driver = "SQLite3", database = "@RUN@/data/prosody.sqlite" }
storage_archive_item_limit = nil
default_archive_policy = true
muc_log_by_default = true
archive_expires_after = "never"
muc_log_expires_after = "never"
log = { error = "@RUN@/prosody.err" }
statistics = nil
VirtualHost "localhost"
Component "conference.localhost" "muc"
  modules_enabled = { @MUCMODULES@ }
  muc_room_cache_size = 10000
  muc_room_locking = false
  restrict_room_creation = false
