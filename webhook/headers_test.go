package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

const now = 1614265330 // of the vector of Standard Webhooks

// mac returns the HMAC-SHA256 of content under a text or a whsec_ secret.
func mac(secret, content string) []byte {
	key := []byte(secret)
	if text, ok := strings.CutPrefix(secret, "whsec_"); ok {
		key, _ = base64.StdEncoding.DecodeString(text)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(content))
	return h.Sum(nil)
}

func v1(secret, content string) string {
	return "v1," + base64.StdEncoding.EncodeToString(mac(secret, content))
}

func TestStandardWebhooksHeaders(t *testing.T) {
	t.Parallel()
	const (
		good  = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
		wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
		id    = "msg_p5jXN8AQM9LWM0D4loKWxJek"
		sent  = "1614265330"
	)
	signed := func(id, timestamp string) http.Header {
		return header("webhook-id", id, "webhook-timestamp", timestamp, "webhook-signature", v1(standardSecret, id+"."+timestamp+"."+standardBody))
	}
	three := func(signature string) http.Header {
		return header("webhook-id", id, "webhook-timestamp", sent, "webhook-signature", signature)
	}
	with := func(h http.Header, pairs ...string) http.Header {
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	for name, tt := range map[string]struct {
		header http.Header
		want   error
	}{
		"as published":                   {three(good), nil},
		"names in any case":              {header("WEBHOOK-ID", id, "WebHook-Timestamp", sent, "webhook-SIGNATURE", good), nil},
		"a wrong one before":             {three(wrong + " " + good), nil},
		"one of a later version":         {three("v2,abc " + good), nil},
		"elements of no form":            {three("abc , v1 v1, ,v1 =  " + good), nil},
		"the last of 32":                 {three(strings.Repeat(wrong+" ", 31) + good), nil},
		"the last of 33":                 {three(strings.Repeat(wrong+" ", 32) + good), webhook.ErrTooManySignatures},
		"the first of 33":                {three(good + strings.Repeat(" "+wrong, 32)), webhook.ErrTooManySignatures},
		"33 of a later version":          {three(strings.Repeat("v2,x ", 32) + good), webhook.ErrTooManySignatures},
		"10,000 spaces":                  {three(strings.Repeat(" ", 8000) + good), webhook.ErrTooManySignatures},
		"a signature of 1 MB":            {three("v1," + strings.Repeat("A", 1<<20)), webhook.ErrHeaderInvalid},
		"nothing":                        {http.Header{}, webhook.ErrHeaderMissing},
		"no header at all":               {nil, webhook.ErrHeaderMissing},
		"no id":                          {header("webhook-timestamp", sent, "webhook-signature", good), webhook.ErrHeaderMissing},
		"no timestamp":                   {header("webhook-id", id, "webhook-signature", good), webhook.ErrHeaderMissing},
		"no signature":                   {header("webhook-id", id, "webhook-timestamp", sent), webhook.ErrHeaderMissing},
		"empty signature":                {three(""), webhook.ErrHeaderMissing},
		"empty id":                       {header("webhook-id", "", "webhook-timestamp", sent, "webhook-signature", good), webhook.ErrHeaderMissing},
		"no values":                      {http.Header{"Webhook-Id": {}, "Webhook-Timestamp": nil, "Webhook-Signature": {good}}, webhook.ErrHeaderMissing},
		"two ids":                        {with(three(good), "webhook-id", id), webhook.ErrHeaderInvalid},
		"two timestamps":                 {with(three(good), "webhook-timestamp", sent), webhook.ErrHeaderInvalid},
		"two lines of signatures":        {with(three(wrong), "webhook-signature", good), webhook.ErrHeaderInvalid},
		"lines that somebody has joined": {three(wrong + ", " + good), nil},
		"joined without a space":         {three(wrong + "," + good), webhook.ErrNoMatch},
		"tabs for spaces":                {three(wrong + "\t" + good), webhook.ErrNoMatch},
		"folded":                         {three(wrong + "\r\n " + good), nil},
		"a no-break space":               {three(wrong + "\u00a0" + good), webhook.ErrNoMatch},
		"the signature alone":            {three(good[3:]), webhook.ErrHeaderInvalid},
		"only a later version":           {three("v2," + good[3:]), webhook.ErrHeaderInvalid},
		"version in upper case":          {three("V1," + good[3:]), webhook.ErrHeaderInvalid},
		"and beside one of its own":      {three(wrong + " v1a," + good[3:]), webhook.ErrNoMatch},
		"version of a public key":        {three("v1a," + good[3:]), webhook.ErrNoMatch},
		"signature in another case":      {three(strings.ToLower(good)), webhook.ErrNoMatch},
		"alphabet of URLs":               {three(strings.NewReplacer("+", "-", "/", "_").Replace(good)), webhook.ErrNoMatch},
		"no padding":                     {three(strings.TrimSuffix(good, "=")), webhook.ErrNoMatch},
		"stray bits":                     {three(strings.TrimSuffix(good, "E=") + "F="), webhook.ErrNoMatch},
		"more behind the signature":      {three(good + "A"), webhook.ErrNoMatch},
		"padding twice":                  {three(good + "="), webhook.ErrNoMatch},
		"hexadecimal":                    {three("v1," + hex.EncodeToString(mac(standardSecret, id+"."+sent+"."+standardBody))), webhook.ErrNoMatch},
		"only a part of it":              {three(good[:20]), webhook.ErrNoMatch},
		"empty but for the version":      {three("v1,"), webhook.ErrNoMatch},
		"another id":                     {header("webhook-id", id+"x", "webhook-timestamp", sent, "webhook-signature", good), webhook.ErrNoMatch},
		"another second":                 {header("webhook-id", id, "webhook-timestamp", "1614265331", "webhook-signature", good), webhook.ErrNoMatch},
		"a signed id with a full stop":   {signed("msg.1", sent), webhook.ErrHeaderInvalid},
		"an id with a space":             {signed("msg 1", sent), webhook.ErrHeaderInvalid},
		"an id with a control character": {signed("msg\x7f1", sent), webhook.ErrHeaderInvalid},
		"an id that is not ASCII":        {signed("msg_é", sent), webhook.ErrHeaderInvalid},
		"an id of 255 bytes":             {signed(strings.Repeat("m", 255), sent), nil},
		"an id of 256 bytes":             {signed(strings.Repeat("m", 256), sent), webhook.ErrHeaderInvalid},
		"a signed + before the time":     {signed(id, "+1614265330"), webhook.ErrHeaderInvalid},
		"a signed - before the time":     {signed(id, "-1614265330"), webhook.ErrHeaderInvalid},
		"a signed 0 before the time":     {signed(id, "01614265330"), webhook.ErrHeaderInvalid},
		"a signed space before the time": {signed(id, " 1614265330"), webhook.ErrHeaderInvalid},
		"a signed time in hexadecimal":   {signed(id, "0x60377db2"), webhook.ErrHeaderInvalid},
		"a signed time with a fraction":  {signed(id, "1614265330.0"), webhook.ErrHeaderInvalid},
		"a signed time with an exponent": {signed(id, "1e9"), webhook.ErrHeaderInvalid},
		"a signed time with a separator": {signed(id, "1_614_265_330"), webhook.ErrHeaderInvalid},
		"a signed time in other digits":  {signed(id, "١٦١٤٢٦٥٣٣٠"), webhook.ErrHeaderInvalid},
		"a signed time in milliseconds":  {signed(id, "1614265330000"), webhook.ErrTooNew},
		"a signed time of 16 digits":     {signed(id, "9999999999999999"), webhook.ErrTooNew},
		"a signed time of 17 digits":     {signed(id, "99999999999999999"), webhook.ErrHeaderInvalid},
		"a signed time of 20 digits":     {signed(id, "18446744075323816946"), webhook.ErrHeaderInvalid},
		"a signed time of 0":             {signed(id, "0"), webhook.ErrTooOld},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sleepUntil(now)
				_, err := verifier(t, webhook.StandardWebhooks, webhook.Config{}, standardSecret).Verify(tt.header, []byte(standardBody))
				if tt.want == nil {
					assert.NoError(t, err)
				} else {
					assert.ErrorIs(t, err, tt.want)
				}
			})
		})
	}
}

// A folded header line never gets past net/http; one that came another way has
// elements with line breaks in them, which are none.
func TestLineBreaksInSignatures(t *testing.T) {
	t.Parallel()
	key := keyPair(1)
	s, err := webhook.NewSigner(webhook.StandardWebhooks, []string{whsk(key)})
	require.NoError(t, err)
	h := http.Header{}
	require.NoError(t, s.Sign(h, "msg_1", time.Now(), nil))
	v := verifier(t, webhook.StandardWebhooks, webhook.Config{}, whpk(key))
	_, err = v.Verify(h, nil)
	require.NoError(t, err)
	good := h.Get("Webhook-Signature")
	for _, bad := range []string{good[:40] + "\n" + good[40:], good + "\n", good[:40] + "\r\n" + good[40:], "v1a,\n" + good[4:], good[:len(good)-1], good + "AAAA"} {
		h.Set("Webhook-Signature", bad)
		_, err := v.Verify(h, nil)
		assert.ErrorIs(t, err, webhook.ErrNoMatch, "%q", bad)
	}
}

// Each algorithm has its signatures, and a secret never proves those of another.
func TestAlgorithmsAreKeptApart(t *testing.T) {
	t.Parallel()
	key := keyPair(1)
	public := key[32:]
	v := verifier(t, webhook.StandardWebhooks, webhook.Config{}, whpk(key))
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	// What everybody knows, the public key, as the secret of an HMAC.
	forged := hmac.New(sha256.New, public)
	forged.Write([]byte("msg_1." + timestamp + "."))
	sum := base64.StdEncoding.EncodeToString(forged.Sum(nil))
	for _, signature := range []string{"v1," + sum, "v1a," + sum, "v1," + sum + " v1a," + sum} {
		_, err := v.Verify(header("webhook-id", "msg_1", "webhook-timestamp", timestamp, "webhook-signature", signature), nil)
		assert.ErrorIs(t, err, webhook.ErrNoMatch)
	}
}

func TestSvixHeaders(t *testing.T) {
	t.Parallel()
	v := verifier(t, webhook.Svix, webhook.Config{}, standardSecret)
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	signature := v1(standardSecret, "msg_1."+timestamp+".{}")
	svix := []string{"svix-id", "msg_1", "svix-timestamp", timestamp, "svix-signature", signature}
	standard := []string{"webhook-id", "msg_1", "webhook-timestamp", timestamp, "webhook-signature", signature}
	for _, tt := range []struct {
		name   string
		header http.Header
		want   error
	}{
		{"its own", header(svix...), nil},
		{"those of the standard", header(standard...), nil},
		{"both", header(append(svix, standard...)...), nil},
		{"both, and its own count", header(append([]string{"svix-id", "msg_1", "svix-timestamp", timestamp, "svix-signature", "v1,"}, standard...)...), webhook.ErrNoMatch},
		{"they are not mixed", header(append([]string{"svix-id", "msg_2"}, standard...)...), webhook.ErrHeaderMissing},
	} {
		_, err := v.Verify(tt.header, []byte("{}"))
		if tt.want == nil {
			require.NoError(t, err, tt.name)
		} else {
			require.ErrorIs(t, err, tt.want, tt.name)
		}
	}
	_, err := verifier(t, webhook.StandardWebhooks, webhook.Config{}, standardSecret).Verify(header(svix...), []byte("{}"))
	assert.ErrorIs(t, err, webhook.ErrHeaderMissing)
}

func TestStripeHeader(t *testing.T) {
	t.Parallel()
	const timestamp = "1614265330"
	good := hex.EncodeToString(mac(textSecret, timestamp+".{}"))
	for name, tt := range map[string]struct {
		value string
		want  error
	}{
		"as documented":               {"t=" + timestamp + ",v1=" + good + ",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39", nil},
		"secret is rolled":            {"t=" + timestamp + ",v1=" + strings.Repeat("0", 64) + ",v1=" + good, nil},
		"time behind":                 {"v1=" + good + ",t=" + timestamp, nil},
		"unknown schemes":             {"t=" + timestamp + ",v2=x,v9,a=b=c,v1=" + good, nil},
		"only v0":                     {"t=" + timestamp + ",v0=" + good, webhook.ErrHeaderInvalid},
		"no signature":                {"t=" + timestamp, webhook.ErrHeaderInvalid},
		"no time":                     {"v1=" + good, webhook.ErrHeaderInvalid},
		"empty time":                  {"t=,v1=" + good, webhook.ErrHeaderInvalid},
		"two times":                   {"t=" + timestamp + ",t=" + timestamp + ",v1=" + good, webhook.ErrHeaderInvalid},
		"the old time, and a new one": {"t=1614260000,v1=" + good + ",t=" + timestamp, webhook.ErrHeaderInvalid},
		"another time":                {"t=1614265331,v1=" + good, webhook.ErrNoMatch},
		"space behind the comma":      {"t=" + timestamp + ", v1=" + good, webhook.ErrHeaderInvalid},
		"upper case":                  {"t=" + timestamp + ",v1=" + strings.ToUpper(good), webhook.ErrNoMatch},
		"33 signatures":               {"t=" + timestamp + strings.Repeat(",v1=00", 32) + ",v1=" + good, webhook.ErrTooManySignatures},
		"32 signatures":               {"t=" + timestamp + strings.Repeat(",v1=00", 31) + ",v1=" + good, nil},
		"old":                         {"t=1614260000,v1=" + hex.EncodeToString(mac(textSecret, "1614260000.{}")), webhook.ErrTooOld},
		"of the future":               {"t=1614269999,v1=" + hex.EncodeToString(mac(textSecret, "1614269999.{}")), webhook.ErrTooNew},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sleepUntil(now)
				_, err := verifier(t, webhook.Stripe, webhook.Config{}, textSecret).Verify(header("Stripe-Signature", tt.value), []byte("{}"))
				if tt.want == nil {
					assert.NoError(t, err)
				} else {
					assert.ErrorIs(t, err, tt.want)
				}
			})
		})
	}
}

func TestSingleSignatureHeaders(t *testing.T) {
	t.Parallel()
	sum := hex.EncodeToString(mac(textSecret, "{}"))
	b64 := base64.StdEncoding.EncodeToString(mac(textSecret, "{}"))
	for _, tt := range []struct {
		scheme webhook.Scheme
		header http.Header
		want   error
	}{
		{webhook.GitHub, header("X-Hub-Signature-256", "sha256="+sum), nil},
		{webhook.GitHub, header("X-Hub-Signature-256", sum), webhook.ErrHeaderInvalid},
		{webhook.GitHub, header("X-Hub-Signature-256", "SHA256="+sum), webhook.ErrHeaderInvalid},
		{webhook.GitHub, header("X-Hub-Signature-256", "sha256="+strings.ToUpper(sum)), webhook.ErrNoMatch},
		{webhook.GitHub, header("X-Hub-Signature-256", "sha256="+sum+",sha256="+sum), webhook.ErrNoMatch},
		{webhook.GitHub, header("X-Hub-Signature-256", "sha256="), webhook.ErrNoMatch},
		{webhook.GitHub, header("X-Hub-Signature", "sha1="+sum[:40]), webhook.ErrHeaderMissing},
		{webhook.GitHub, header("X-Hub-Signature-256", "sha256="+sum, "X-GitHub-Delivery", "a", "X-GitHub-Delivery", "b"), webhook.ErrHeaderInvalid},
		{webhook.GitHub, header("X-Hub-Signature-256", "sha256="+sum, "X-GitHub-Delivery", "a b"), webhook.ErrHeaderInvalid},
		{webhook.Shopify, header("X-Shopify-Hmac-SHA256", b64), nil},
		{webhook.Shopify, header("X-Shopify-Hmac-SHA256", sum), webhook.ErrNoMatch},
		{webhook.Shopify, header("X-Shopify-Hmac-SHA256", strings.TrimRight(b64, "=")), webhook.ErrNoMatch},
		{webhook.Shopify, header("X-Shopify-Hmac-SHA256", b64+" "), webhook.ErrNoMatch},
	} {
		_, err := verifier(t, tt.scheme, webhook.Config{}, textSecret).Verify(tt.header, []byte("{}"))
		if tt.want == nil {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, tt.want, "%v", tt.header)
		}
	}
}
