package openweather

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// judge returns what is wrong with an answer, as far as its status and cod tell,
// or nil.
func judge(status int, header http.Header, body []byte) *connectors.Error {
	cod := codOf(body)
	switch {
	case status == http.StatusOK && len(body) > maxAnswer:
		return &connectors.Error{Status: status, Kind: connectors.KindTooLarge, Message: "the answer is too large"}
	case status == http.StatusOK && (cod == 0 || cod == http.StatusOK):
		return nil
	case status < 300 && (status != http.StatusOK || cod < 400):
		return unexpected(status)
	case status >= 300 && status < 400:
		return &connectors.Error{Status: status, Kind: connectors.KindInvalid, Code: "redirect", Message: "the API redirects, which is not followed"}
	}
	decides := status
	if status == http.StatusOK {
		decides = cod // a failure that came as a success
	}
	e := &connectors.Error{Status: status, Kind: connectors.KindOfStatus(decides), Code: "http_" + strconv.Itoa(status)}
	if cod == decides {
		e.Code = strconv.Itoa(cod)
	}
	switch e.Kind {
	case connectors.KindAuth:
		e.Message = "OpenWeather does not accept the key; a new one may take two hours to become active"
	case connectors.KindNotFound:
		e.Message = "OpenWeather does not know the place"
	case connectors.KindRateLimited:
		e.Message, e.Global = "OpenWeather limits the rate: the plan of the key allows no more calls", true
	case connectors.KindServer:
		e.Message = "OpenWeather failed"
	case connectors.KindTimeout:
		e.Message = "OpenWeather did not answer in time"
	default:
		e.Message = "OpenWeather refused the query"
	}
	if decides == http.StatusTooManyRequests || decides == http.StatusServiceUnavailable {
		e.RetryAfter = provider.RetryAfter(header)
	}
	return e
}

// unexpected is the error of a success that does not hold what it promises.
func unexpected(status int) *connectors.Error {
	return &connectors.Error{
		Status: status, Kind: connectors.KindServer, Code: "unexpected_answer",
		Message: "the receiver does not answer as OpenWeather does",
	}
}

// status is a status in a body: 404 or "404". Anything else is 0.
type status int

func (s *status) UnmarshalJSON(text []byte) error {
	n, err := strconv.Atoi(string(bytes.Trim(text, `"`)))
	if err != nil || n < 100 || n > 599 {
		n = 0
	}
	*s = status(n)
	return nil
}

// codOf returns the status in a body, or 0. Some parts of the API call it code.
func codOf(body []byte) int {
	var b struct {
		Cod  status `json:"cod"`
		Code status `json:"code"`
	}
	if json.Unmarshal(body, &b) != nil {
		return 0
	}
	if b.Cod == 0 {
		return int(b.Code)
	}
	return int(b.Cod)
}
