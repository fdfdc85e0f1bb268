package redisstore

// A record is one hash:
//
//	s  state: P in flight, C completed, R released
//	t  token of the last attempt
//	f  fingerprint
//	a  attempt
//	d  end of the lease, in milliseconds of the server's clock
//	x  TTL of the claim, in milliseconds
//	r  record, once completed
//
// Each script touches this one key, reads the server's clock, decides and
// writes: one atomic step on any deployment. The key expires by itself.

// now is the server's time in milliseconds, as a string that no format rounds.
const now = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function text(n) return string.format('%.0f', n) end
`

// The answers of the claim script, which are the first element of its array.
const (
	claimed  = 1 // attempt
	replay   = 2 // record
	busy     = 3 // milliseconds left
	mismatch = 4
)

const claimScript = now + `
local token, fingerprint, lease, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local r = redis.call('HMGET', KEYS[1], 's', 't', 'f', 'a', 'd')
local attempt = 1
if r[1] then
	attempt = tonumber(r[4]) + 1
	if r[1] == 'P' and r[2] == token then
		attempt = attempt - 1
	elseif r[1] ~= 'R' then
		if r[3] ~= fingerprint then return {4} end
		if r[1] == 'C' then return {2, redis.call('HGET', KEYS[1], 'r')} end
		local rest = tonumber(r[5]) - now
		if rest > 0 then return {3, rest} end
	end
end
redis.call('HSET', KEYS[1], 's', 'P', 't', token, 'f', fingerprint, 'a', text(attempt), 'd', text(now + lease), 'x', text(ttl))
redis.call('PEXPIRE', KEYS[1], text(lease + ttl))
return {1, attempt}
`

const extendScript = now + `
local r = redis.call('HMGET', KEYS[1], 's', 't', 'x')
if r[1] ~= 'P' or r[2] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'd', text(now + ARGV[2]))
redis.call('PEXPIRE', KEYS[1], text(ARGV[2] + r[3]))
return 1
`

const completeScript = `
local r = redis.call('HMGET', KEYS[1], 's', 't')
if r[2] ~= ARGV[1] or r[1] == 'R' then return 0 end
if r[1] == 'P' then
	redis.call('HSET', KEYS[1], 's', 'C', 'r', ARGV[2])
	redis.call('HDEL', KEYS[1], 'd', 'x')
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`

const releaseScript = `
local r = redis.call('HMGET', KEYS[1], 's', 't', 'x')
if r[1] ~= 'P' or r[2] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 's', 'R')
redis.call('PEXPIRE', KEYS[1], r[3])
return 1
`
