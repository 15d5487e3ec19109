-- wrk sends what a file holds: requests that were written and signed before, each once.
--
-- Each thread has its own file and its own server: number n of BENCH_FILES and BENCH_SERVERS. A record is a line with
-- the request's length in eight digits, then the request.
--
-- Every connection asks `delay` before each request, so `delay` is where everything is decided: that the time is over or
-- the file at its end (the connection then sleeps; when all of them do, the thread says "idle", and whoever started wrk
-- ends it, so that what wrk counted is what was sent), and when the next request is due, if there is a rate (a timetable for all connections of
-- the thread together: a free connection takes the next place; who is late goes at once and is counted).

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long s; long ns; } bench_time;
  int clock_gettime(int clock, bench_time *time);
]]
local MONOTONIC, NEVER_MS, LATE_S, AHEAD_S = 1, 10000000, 0.005, 0.0005
local time = ffi.new("bench_time")

local function now()
  ffi.C.clock_gettime(MONOTONIC, time)
  return tonumber(time.s) + tonumber(time.ns) * 1e-9
end

local function words(name)
  local found = {}
  for word in (os.getenv(name) or ""):gmatch("%S+") do found[#found + 1] = word end
  return found
end

local threads = {}

function setup(thread)
  local number = #threads + 1
  threads[number] = thread
  local host, port = words("BENCH_SERVERS")[number]:match("^(.*):(%d+)$")
  thread.addr = wrk.lookup(host, port)[1]
  thread:set("number", number)
end

function init()
  file = io.open(words("BENCH_FILES")[number], "rb")
  left = tonumber(words("BENCH_COUNTS")[number])
  again = os.getenv("BENCH_AGAIN") == "1" -- from the beginning when the file ends
  seconds = tonumber(os.getenv("BENCH_SECONDS"))
  rate = tonumber(os.getenv("BENCH_RATE")) / #words("BENCH_FILES")
  connections = tonumber(os.getenv("BENCH_CONNECTIONS"))
  asked, late, asleep, begun, last, place = 0, 0, 0, 0, 0, 0
end

function delay()
  local at = now()
  asked = asked + 1
  if begun == 0 then begun, place = at, at end
  if asked > connections then last = at end -- an answer has just come
  if left == 0 or at - begun >= seconds then
    asleep = asleep + 1
    if asleep == connections then
      io.write("\nidle\n")
      io.flush()
    end
    return NEVER_MS
  end
  if not again then left = left - 1 end
  if rate == 0 then return 0 end
  place = place + 1 / rate
  if at - place > LATE_S then late = late + 1 end
  return math.max(0, math.floor((place - at + AHEAD_S) * 1000))
end

local function read()
  local size = file:read(9)
  if size == nil then
    file:seek("set", 0)
    size = file:read(9)
  end
  return file:read(tonumber(size))
end

function request()
  if begun == 0 then -- wrk only looks whether it can be parsed
    local first = read()
    file:seek("set", 0)
    return first
  end
  return read()
end

function done(summary, latency)
  local begun, last, late, asked = math.huge, 0, 0, 0
  for _, thread in ipairs(threads) do
    begun, last = math.min(begun, thread:get("begun")), math.max(last, thread:get("last"))
    late, asked = late + thread:get("late"), asked + thread:get("asked")
  end
  local errors = summary.errors
  io.write(string.format(
    '\nbench {"answered": %d, "refused": %d, "errors": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d, "max_us": %d, "late": %d}\n',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout, last - begun,
    latency:percentile(50), latency:percentile(99), latency.max, late))
end
