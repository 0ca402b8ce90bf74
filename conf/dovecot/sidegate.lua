-- Sidegate as the first passdb of Dovecot 2.3 and 2.4: asks Sidegate whether a password is a right client password.
--
-- It belongs together with dovecot/2.3/passdb-lua.conf or dovecot/2.4/passdb-lua.conf, where the steps to install it
-- and to go back are, and with conf/sidegate/passdb.toml. It needs the packages dovecot-auth-lua (Debian's name) and a
-- socket library for Lua: lua-socket, with its part socket.unix.
--
-- What Sidegate says, and what becomes of it:
--   right client password                           in, under the account's normal name
--   wrong, revoked, blocked, two-factor is on       refused; no other passdb is asked
--   not for Sidegate to decide (a main password)    the next passdb decides
--   trouble, nobody there, no answer in time        a temporary failure; no other passdb is asked
--
-- Before you use it:
--   - auth_cache_size must be 0. Dovecot's cache would let a password in for an hour after it was revoked, and neither
--     count failures nor know of blocks. After a change: doveadm auth cache flush.
--   - auth_mechanisms must be "plain login". With CRAM-MD5, SCRAM and the like no password comes here, and
--     such logins are refused as long as this passdb stands in the chain.
--   - Every question that is open holds one of Dovecot's auth workers, of which there are 30 (service auth-worker,
--     process_limit). Sidegate answers in milliseconds; while it hangs, a worker is busy for TIMEOUT seconds and then
--     gives a temporary failure. Leave refusals = "at-once" in Sidegate's configuration: Dovecot holds failures back
--     itself (auth_failure_delay), and that costs no worker.
--   - Nothing here writes a password anywhere. Dovecot does, if it is told to: leave auth_debug_passwords and
--     auth_verbose_passwords at "no".
--   - The texts for people (messages.* in Sidegate's configuration) do not reach mail clients this way: Dovecot has no
--     place for the words of a passdb that refuses.

-- Where Sidegate listens: the auth-client socket in conf/sidegate/passdb.toml.
local SOCKET = "/run/sidegate/passdb"
-- Seconds that a connection, and an answer, may take.
local TIMEOUT = 10

local socket = require "socket"
local unix = require "socket.unix"

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local ESCAPES = { ["\1"] = "\0011", ["\t"] = "\1t", ["\r"] = "\1r", ["\n"] = "\1n" }
local UNESCAPES = { ["0"] = "\0", ["1"] = "\1", ["t"] = "\t", ["r"] = "\r", ["n"] = "\n" }

-- The connection of this worker, kept from one question to the next.
local connection
local last_id = 0

local function base64(data)
  local out = {}
  for i = 1, #data, 3 do
    local a, b, c = data:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    local function digit(unit)
      local at = math.floor(n / unit) % 64 + 1
      return ALPHABET:sub(at, at)
    end
    out[#out + 1] = digit(262144) .. digit(4096) .. (b and digit(64) or "=") .. (c and digit(1) or "=")
  end
  return table.concat(out)
end

local function escape(text)
  return (text:gsub("[\1\t\r\n]", ESCAPES))
end

local function unescape(text)
  return (text:gsub("\1(.)", function(c) return UNESCAPES[c] or c end))
end

local function split(line)
  local fields = {}
  for field in (line .. "\t"):gmatch("([^\t]*)\t") do
    fields[#fields + 1] = field
  end
  return fields
end

local function close()
  if connection then
    connection:close()
    connection = nil
  end
end

-- Gives the next operation what is left of the time; false if that is nothing.
local function within(peer, deadline)
  local left = deadline - socket.gettime()
  if left <= 0 then return false end
  peer:settimeout(left, "t")
  return true
end

local function send(peer, text, deadline)
  local from = 1
  while from <= #text do
    if not within(peer, deadline) then return nil, "timeout" end
    local sent, why, partly = peer:send(text, from)
    if not sent then
      if why ~= "timeout" then return nil, why end
      sent = partly or from - 1
    end
    from = sent + 1
  end
  return true
end

local function receive(peer, deadline)
  if not within(peer, deadline) then return nil, "timeout" end
  return peer:receive("*l")
end

-- A number for this connection. Sidegate only wants one; with "nologin" nobody ever asks for it again.
local function connection_number()
  local address = tonumber(tostring({}):match("(%x+)$") or "1", 16) or 1
  return string.format("%d", (math.floor(socket.gettime() * 1000) + address) % 2147483646 + 1)
end

local function connect(deadline)
  local peer, why = (type(unix) == "table" and unix.stream or unix)()
  if not peer then return nil, why end
  if not within(peer, deadline) then return nil, "timeout" end
  local ok
  ok, why = peer:connect(SOCKET)
  if ok then
    ok, why = send(peer, "VERSION\t1\t2\nCPID\t" .. connection_number() .. "\n", deadline)
  end
  local line, versioned
  while ok do
    line, why = receive(peer, deadline)
    if not line or (versioned and line == "DONE") then break end
    if not versioned and not line:match("^VERSION\t1\t") then
      line, why = nil, "whoever listens there is not Sidegate"
      break
    end
    versioned = true
  end
  if not line then
    peer:close()
    return nil, why
  end
  connection = peer
  return true
end

-- One question and its answer, on the connection there is.
local function exchange(question, deadline)
  local sent, why = send(connection, question, deadline)
  if not sent then return nil, why end
  return receive(connection, deadline)
end

-- Asks; a connection that Sidegate has closed meanwhile (it was started again) is made anew, once.
local function ask(question)
  local deadline = socket.gettime() + TIMEOUT
  local line, why
  if connection then
    line, why = exchange(question, deadline)
    if line then return line end
    close()
    if why ~= "closed" then return nil, why end
  end
  local connected
  connected, why = connect(deadline)
  if not connected then return nil, why end
  line, why = exchange(question, deadline)
  if not line then close() end
  return line, why
end

-- The AUTH line. Names of variables differ between 2.3 and 2.4.
local function question_of(id, request, password)
  local parts = { "AUTH", id, "PLAIN" }
  local function add(key, value)
    if value ~= nil and value ~= "" then
      parts[#parts + 1] = key .. "=" .. escape(tostring(value))
    end
  end
  local remote = request.remote_ip or request.rip
  local real = request.real_remote_ip or request.real_rip
  add("service", request.protocol or request.service or "unknown")
  add("rip", remote)
  add("lip", request.local_ip or request.lip)
  add("rport", request.remote_port or request.rport)
  add("lport", request.local_port or request.lport)
  -- The proxy or webmail that connected, where Dovecot takes its word for the client's address.
  if real ~= remote then add("real_rip", real) end
  add("session", request.session)
  parts[#parts + 1] = "no-penalty"
  parts[#parts + 1] = "nologin"
  parts[#parts + 1] = "resp=" .. base64("\0" .. request.user .. "\0" .. password)
  return table.concat(parts, "\t") .. "\n"
end

-- What both versions take: a table beside OK, and a text beside anything else.
local function trouble(why)
  return dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, "Sidegate at " .. SOCKET .. ": " .. tostring(why)
end

-- Called by Dovecot for PLAIN and LOGIN.
function auth_password_verify(request, password)
  last_id = last_id % 2147483647 + 1
  local id = string.format("%d", last_id)
  local line, why = ask(question_of(id, request, password))
  if not line then return trouble(why) end
  local fields = split(line)
  local values = {}
  for n = 3, #fields do
    local key, value = fields[n]:match("^([^=]*)=(.*)$")
    if key then values[key] = unescape(value) end
  end
  if fields[2] == id and fields[1] == "OK" then
    return dovecot.auth.PASSDB_RESULT_OK, { user = values.user }
  elseif fields[2] ~= id or fields[1] ~= "FAIL" then
    close()
    return trouble("an answer that makes no sense")
  elseif values.code == "x_not_ours" then
    return dovecot.auth.PASSDB_RESULT_NEXT, ""
  elseif values.code == "temp_fail" then
    return trouble("a temporary failure, see its own log")
  end
  return dovecot.auth.PASSDB_RESULT_PASSWORD_MISMATCH, ""
end

-- Called by Dovecot when it looks an account up without a password: the next passdb knows. But also for mechanisms that
-- prove a main password without sending it (CRAM-MD5, SCRAM); those must not get past two-factor.
function auth_passdb_lookup(request)
  local mechanism = request.mechanism or request.mech
  if mechanism ~= nil and mechanism ~= "" then
    return dovecot.auth.PASSDB_RESULT_PASSWORD_MISMATCH, ""
  end
  return dovecot.auth.PASSDB_RESULT_NEXT, ""
end

function script_init()
  return 0
end

function script_deinit()
  close()
end
