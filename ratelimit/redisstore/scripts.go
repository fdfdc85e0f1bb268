package redisstore

// A bucket is one string of four numbers, "full rest tau grain":
//
//	full   when it is full again, in whole microseconds of the server's clock
//	rest   what comes on top of that, in units
//	tau    how long an empty one took to refill in the tier that wrote it, in units
//	grain  units per microsecond: 1000, or 1 for tiers that take over 26 days to refill
//
// A unit is thus a nanosecond, or a microsecond where nanoseconds do not fit.
// Lua counts in float64, which is exact up to 2^53: no sum of a time or a debt and
// two taus gets there before the year 2150. A bucket that is full is absent.
//
// Each script touches the keys of one tenant, reads the server's clock once,
// decides and writes: one atomic step on any deployment.

const common = `
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

-- scale is n * to / from, rounded up. n is at most from, and the result at most
-- to. Where the product of the reduced fraction has over 53 bits it may be some
-- units more.
local function scale(n, from, to)
	local a, b = from, to
	while b > 0 do a, b = b, math.fmod(a, b) end
	local den, num = from / a, to / a
	if n * num >= 9007199254740992 then
		return math.min(math.ceil(n / den * num * (1 + 2^-50)), to)
	end
	local quotient = math.floor(n * num / den)
	if quotient * den < n * num then quotient = quotient + 1 end
	return quotient
end

-- read is the debt of a bucket in units of the tier that asks, and whether what
-- is stored says something else: it was another tier's, or the clock went back.
local function read(key, tau, grain)
	local value = redis.call('GET', key)
	if not value then return 0, false end
	local full, rest, was, unit = string.match(value, '^(%d+) (%d+) (%d+) (%d+)$')
	if not full then error('no bucket: ' .. key) end
	was, unit = tonumber(was), tonumber(unit)
	local debt = (full - now) * unit + rest
	if debt <= 0 then return 0, false end
	local stale = debt > was
	debt = math.min(debt, was)
	if was == tau and unit == grain then return debt, stale end
	return scale(debt, was, tau), true
end

local function write(key, debt, tau, grain)
	local whole = math.floor(debt / grain)
	local value = string.format('%.0f %.0f %.0f %.0f', now + whole, debt - whole * grain, tau, grain)
	redis.call('SET', key, value, 'PX', math.ceil(debt / grain / 1000) + 1)
end
`

// takeScript decides about one take per key, one after the other. A key may come
// more than once. ARGV is 1, or 0 to write nothing, and three numbers per take:
// cost x interval and tau in units, and the grain.
//
// It answers whether all are admitted, and two numbers per take: the debt that
// the take found, which counts those before it, and the debt without them.
const takeScript = common + `
local buckets, admitted, answer = {}, true, {}
for i, key in ipairs(KEYS) do
	local amount, tau, grain = tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i]), tonumber(ARGV[3*i+1])
	local b = buckets[key]
	if not b then
		local debt, stale = read(key, tau, grain)
		b = {debt = debt, before = debt, stale = stale}
		buckets[key] = b
	elseif b.tau ~= tau or b.grain ~= grain then
		b.debt, b.before, b.stale = scale(b.debt, b.tau, tau), scale(b.before, b.tau, tau), true
	end
	b.tau, b.grain, b.taken = tau, grain, b.taken or amount > 0
	answer[2*i], answer[2*i+1] = b.debt, b.before
	if b.debt + amount <= tau then
		b.debt = b.debt + amount
	else
		admitted = false
	end
end
answer[1] = admitted and 1 or 0
if ARGV[1] == '1' then
	for key, b in pairs(buckets) do
		if b.taken and admitted then
			write(key, b.debt, b.tau, b.grain)
		elseif b.taken and b.stale and b.before > 0 then
			write(key, b.before, b.tau, b.grain)
		end
	end
end
return answer
`

// refundScript has the arguments of takeScript, but for the first.
const refundScript = common + `
for i, key in ipairs(KEYS) do
	local amount, tau, grain = tonumber(ARGV[3*i-2]), tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i])
	local debt = read(key, tau, grain) - amount
	if amount > 0 and debt > 0 then
		write(key, debt, tau, grain)
	elseif amount > 0 then
		redis.call('DEL', key)
	end
end
return {}
`

const resetScript = `
redis.call('DEL', KEYS[1])
return {}
`
