// Package logging is a [slog.Handler] that writes one JSON object per line and
// keeps secrets out of it, attributes that travel in a context, and an access
// log for net/http. It starts no goroutine.
//
//	{"timestamp":"2026-01-08T15:30:00.123000Z","level":"info","message":"Workflow executed","workflow_id":"wf_123","duration_ms":12.5}
//
// # The line
//
// A line holds, in this order, timestamp (RFC 3339, UTC, always six fractional
// digits, so that lines sort as text), level (lower case: debug, info, warn,
// error, and "info+2" for a level between), message, source when asked for,
// trace_id and span_id ([Config.TraceIDs]), the attributes of the context
// ([With]), those of the logger, and those of the record. A record without a time
// has no timestamp. These are the names of [SchemaDefault]; [SchemaECS] and
// [SchemaOTel] have others, and [Config.Names] changes any of them.
//
//   - A [time.Duration] is a number of milliseconds, exact to the nanosecond. Its
//     key is not changed: name it duration_ms.
//   - A [time.Time] is RFC 3339 in UTC.
//   - An attribute that is an error is its text, and next to it, as error_type for
//     the key error, the name of its type: the first in its chain that is not one
//     of those that only wrap, of fmt.Errorf and errors.Join.
//   - NaN and the infinities, which JSON has no numbers for, are strings. So are
//     integers under the key of an id, if [Config.StringIDs] is set.
//   - Invalid UTF-8 becomes U+FFFD. Control characters are escaped, those of
//     terminals too, so no value can begin a second line or move a cursor.
//   - A []byte is embedded as JSON when it is an object or an array, else it is a
//     string, and base64 when it is not UTF-8. A [json.RawMessage] is embedded
//     without its white space.
//   - All else is as encoding/json has it: maps are sorted by key, structs have
//     their json tags, embedded structs are flattened.
//
// Keys of an object are unique: of several with one key the last one counts,
// groups included, and also in maps and embedded JSON. At the top level
// timestamp, level and message (and source when [Config.AddSource] is set) belong
// to the handler; an attribute of that name is written as timestamp_attr,
// level_attr, message_attr, source_attr. With another schema it is the names of
// that which are kept so.
//
// Every record becomes one valid line, in one Write, whatever its values do: a
// value whose method panics is written as "!PANIC: " and its type, one whose
// MarshalJSON or MarshalText fails as "!ERROR: " and the text of the error, a
// reference to a value that contains it as "(cycle)". What is nested deeper than
// 32 levels is "(too deep)". A group, map, slice, struct or embedded JSON document
// stops at the element where the line exceeds 1 MiB: the rest is "(truncated)". A
// string, and the number of attributes that are in no group, is never shortened. Maps and what pointers
// lead to must not be changed while a record is logged.
//
// # Masking
//
// What is masked is written as "***". A line without a secret costs no allocation
// for that, as far as its values are strings, numbers, bools, times, durations and
// errors.
//
// By type: a value that renders itself is never looked into. The first of
// LogValue, Error, MarshalJSON, MarshalText and String that its type, or a
// pointer to it, has is what is written, at any depth. The text or JSON is
// masked like any other, but a text dumped by String has no keys to go by except
// those found in text. Private keys of package crypto, the password of a
// [url.Userinfo] and the value of an [http.Cookie] are masked always.
//
// By key: a value is masked whole when the last words of its key are a listed
// name. Words are compared without case and separators (any ASCII character that
// is neither letter nor digit; camelCase counts): with api_key listed, X-Api-Key,
// apiKey, stripe.api_key and APIKEY are masked; with token listed, accessToken is,
// but not token_count, and not mytoken, whose last word is mytoken. The built-in
// names are these and their plurals; under a plural, as in total_tokens, a number
// is a count, and shown:
//
//	access_key, access_token, api_key, api_token, appid, app_key, auth, auth_token, authorization, bearer,
//	bearer_token, card_number, client_secret, connection_string, cookie, credential, csrf_token, cvc, cvv,
//	db_pass, db_password, dsn, encryption_key, hmac, hmac_sha256, id_token, idempotency_key, jwt, master_key, otp,
//	passphrase, passwd, password, private_key, proxy_authorization, pwd, refresh_token, secret, secret_key,
//	session, session_id, session_token, set_cookie, sig, signature, signature_256, signature_ed25519,
//	signing_key, signing_secret, smtp_pass, ssn, token, user_pass, webhook_secret, webhook_url
//
// [Config.MaskKeys] adds to them, [Config.ShowKeys] takes from them. Keys are
// looked at wherever they occur: in attributes of records, loggers and contexts,
// in groups at any depth, in maps ([http.Header] and [url.Values] are maps),
// slices and structs (the JSON name or the name of the field), in JSON inside
// json.RawMessage, []byte, the result of MarshalJSON, and a string that is a JSON
// object or array. Inside a group that [Handler.WithGroup] opened under a listed
// name every value is masked.
//
// By content: in messages, strings, the texts of errors and keys these parts are
// replaced, and nothing around them:
//
//   - the password in a URL (scheme://user:password@host), or the whole user
//     information when it has no password, and the one in a data source name of
//     MySQL (user:password@tcp(host));
//   - the path of a Slack webhook after hooks.slack.com/services/, workflows/ or
//     triggers/, and the token of a Discord webhook (/webhooks/<number>/<token>);
//   - the value in key=value, "key":value, key:value, and key: followed by a
//     space and something of six bytes or more with a digit in it, or by Bearer,
//     Basic or Token, when the key is a listed one: query strings, data source
//     names, fragments of JSON, header dumps;
//   - the rest of the line after Cookie:, and after Authorization: with any other
//     scheme;
//   - credentials after Bearer, and after Basic what is base64 of a text with a
//     colon;
//   - tokens by their form, of which the prefix is left: JSON Web Tokens, bots of
//     Discord and Telegram, Slack (xoxb- and so on, xapp-), Stripe (sk_live_,
//     rk_test_ and so on, whsec_), GitHub (ghp_ and so on, github_pat_), GitLab
//     (glpat-), AWS (AKIA, ASIA), Google (AIza, ya29., GOCSPX-), OpenAI and
//     Anthropic (sk-), Shopify (shpat_ and so on), SendGrid (SG.), npm, Hugging
//     Face, DigitalOcean and Vault;
//   - private keys in PEM;
//   - what was registered with [Secrets], wherever it stands.
//
// Limits: this is a net under the code, not a licence to log secrets. A secret
// under a key that is not listed, in plain prose, in the name of a type, or
// encoded (percent, base64, hexadecimal) is recognised only if it is registered,
// and in hexadecimal not even then. A value in text that holds white space, a
// quote or & is masked up to there, unless it is quoted or registered. A secret
// that is cut in two, or spread over several values, is not recognised, and
// neither are values in XML, on a command line (--password x), behind " = " or
// "=>", or with a key in brackets (user[password]=x).
//
// # Requests
//
// [AccessLog] writes one line per request and gives the request an id, which
// every line logged with the request's context carries. [Add] lets a handler add
// attributes to the access line, [With] to the lines that follow.
package logging

import (
	"context"
	"io"
	"log/slog"
	"sync"
)

// Config is the configuration of a [Handler]. The zero value logs from level
// info on, without source, under the default names, and masks the built-in keys
// and patterns.
type Config struct {
	// Level is the lowest level that is logged; nil means [slog.LevelInfo]. It is
	// asked for every record: a [slog.LevelVar] changes it at run time.
	Level slog.Leveler

	// Schema is the table of names, [SchemaDefault] by default.
	Schema Schema

	// Names changes names of the schema, or makes one: from the key in the code
	// to the one on the line, at the top level, as in {"tenant_id":
	// "organization.id"}. The handler's own are timestamp, level, message and
	// source (in ECS and OTel source.function, source.file and source.line), and
	// error_type is the type of an attribute error. Groups are not renamed.
	Names map[string]string

	// AddSource adds the place of the log call: function, file and line.
	AddSource bool

	// StringIDs writes an integer as a string where the last word of its key is
	// id or ids (user_id, orderID), at any depth and in embedded JSON: JavaScript,
	// and so Kibana, changes those above 2^53.
	StringIDs bool

	// TraceIDs tells the ids of the trace and the span that a context belongs to.
	// They are written as trace_id and span_id, or as the schema has it; an empty
	// one is left out. It is called for each record that has a context, also
	// concurrently; a panic of it is contained, and means no ids. Nil means none.
	TraceIDs func(context.Context) (trace, span string)

	// MaskKeys are names of keys to mask in addition to the built-in ones. They
	// are compared as those are. A name without a letter or digit is ignored.
	MaskKeys []string

	// ShowKeys are names of keys not to mask, as in "session_id" or
	// "public_token". Of several names that a key ends in the longest counts. What
	// is under them is still masked by type and in text.
	ShowKeys []string

	// Secrets are literals to mask wherever they stand; nil means none.
	Secrets *Secrets

	// Unmasked turns masking off, but for values that render themselves masked.
	// It is meant for measuring what masking costs.
	Unmasked bool
}

// Handler is a [slog.Handler] that writes masked JSON lines. It is safe for
// concurrent use; it and the handlers derived from it share one lock for the
// writer. Values are rendered before the lock is taken.
type Handler struct {
	*core

	pre     []byte   // members that WithAttrs rendered, groups still open
	members []member // of the open objects in pre
	frames  []frame  // the open objects in pre; the first is the line itself
	groups  []string // every group of WithGroup; the last ones may not be open yet
	hide    bool     // one of the groups is masked
}

var _ slog.Handler = (*Handler)(nil)

// NewHandler returns a handler that writes to w, one Write per record, each one
// line with its newline. A nil w discards everything.
//
// It returns the concrete type, as every constructor of this module does: it is a
// [slog.Handler] for [slog.New], and what later versions add to it needs no type
// assertion.
func NewHandler(w io.Writer, cfg Config) *Handler {
	c := &core{
		w: w, level: cfg.Level, addSource: cfg.AddSource, traceIDs: cfg.TraceIDs, secrets: cfg.Secrets, unmasked: cfg.Unmasked,
		table: newTable(cfg.Schema, cfg.Names, cfg.AddSource), scan: newScanner(newKeys(cfg.MaskKeys, cfg.ShowKeys)),
	}
	if cfg.Unmasked {
		c.secrets = nil
	}
	if cfg.StringIDs {
		c.ids = idKeys()
	}
	c.lines.New = func() any { return &line{core: c} }
	return &Handler{core: c, frames: []frame{{}}}
}

// core is what a handler shares with those derived from it.
type core struct {
	level     slog.Leveler
	addSource bool
	unmasked  bool
	traceIDs  func(context.Context) (trace, span string)
	table     *table
	scan      *scanner
	ids       *keys // those whose integers are strings, or nil
	secrets   *Secrets
	types     sync.Map  // reflect.Type -> *typeInfo
	lines     sync.Pool // of *line

	mu sync.Mutex
	w  io.Writer
}

// verdict says what becomes of the value under a key.
func (c *core) verdict(key string) verdict {
	if c.unmasked {
		return shown
	}
	return c.scan.keys.verdict(key)
}

// maxPooled is the largest buffer that is kept for the next record.
const maxPooled = 64 << 10

func (c *core) newLine() *line {
	l, _ := c.lines.Get().(*line)
	l.literals = c.secrets.load()
	return l
}

func (c *core) free(l *line) {
	if cap(l.buf) > maxPooled {
		return
	}
	l.buf, l.members, l.frames, l.path = l.buf[:0], l.members[:0], l.frames[:0], l.path[:0]
	l.depth, l.ended, l.hits, l.hide, l.quote = 0, 0, 0, false, false
	c.lines.Put(l)
}

func (c *core) write(p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.w.Write(p)
	return err
}
