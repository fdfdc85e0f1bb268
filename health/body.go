package health

import (
	"encoding/json"
	"time"
)

// appendHealth writes the body of /health without the closing brace. The names
// and values of checks are from closed alphabets and need no escaping.
func (h *Health) appendHealth(b []byte, status Status, readings []reading, now time.Time) []byte {
	b = append(b, `{"status":"`...)
	b = append(b, status...)
	b = append(b, `","version":`...)
	b = append(b, h.version...)
	b = append(b, `,"uptime":"`...)
	b = append(b, now.Sub(h.start).Truncate(time.Second).String()...)
	b = append(b, `","timestamp":"`...)
	b = now.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","checks":{`...)
	for i := range readings {
		rd := &readings[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, rd.key...)
		b = append(b, '"')
		b = append(b, rd.outcome...)
		b = append(b, '"')
	}
	return append(b, '}')
}

// detail is what an authorised reader sees of a check beyond its value.
type detail struct {
	Status   Outcome    `json:"status"`
	Critical bool       `json:"critical"`
	Reason   string     `json:"reason,omitempty"`
	Latency  float64    `json:"latency_ms"`
	Checked  *time.Time `json:"checked_at,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
	LastOK   *time.Time `json:"last_ok,omitempty"`
	Failures int        `json:"consecutive_failures"`
	Runs     string     `json:"runs"`
}

// appendDetails writes the member "details" with all readings.
func appendDetails(b []byte, readings []reading) []byte {
	b = append(b, `,"details":{`...)
	for i, rd := range readings {
		if i > 0 {
			b = append(b, ',')
		}
		c := rd.view()
		d := detail{
			Status: c.Outcome, Critical: !c.Optional, Reason: c.Reason, Latency: milliseconds(c.Duration),
			Checked: instant(c.At), Since: instant(c.Since), LastOK: instant(c.LastOK),
			Failures: c.Failures, Runs: "on_demand",
		}
		if c.Background {
			d.Runs = "background"
		}
		b = append(b, rd.key...)
		b = appendJSON(b, d)
	}
	return append(b, '}')
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// instant is t as answers show it, nil when there is none.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

// appendJSON is for values that always marshal.
func appendJSON(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte("null")
	}
	return append(b, text...)
}
