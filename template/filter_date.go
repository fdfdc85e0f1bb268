package template

import (
	"errors"
	"strconv"
	"time"
)

// prepareDate makes date(layout, zone). The value is a time of RFC 3339 as a
// string, or a whole number of seconds since 1970, of milliseconds from 1e12
// on. The layout is that of [time.Layout]. Without a zone, a name of the IANA
// database, a string keeps its own offset and a number is in UTC.
func prepareDate(args []Value, _ int) (FilterFunc, *argError) {
	layout := args[0].String()
	// No element of a layout is the same at this time and in its own spelling.
	if time.Date(1987, time.November, 28, 9, 39, 41, 123456789, time.FixedZone("XYZ", 11*3600)).Format(layout) == layout {
		return nil, &argError{0, "argument 1 of filter date is not a layout of Go, such as 2006-01-02 15:04:05"}
	}
	var zone *time.Location
	if len(args) > 1 {
		name := args[1].String()
		var err error
		if zone, err = time.LoadLocation(name); err != nil || name == "" {
			return nil, &argError{1, "argument 2 of filter date is not the name of a time zone"}
		}
	}
	return func(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
		out := in.AppendText(dst)
		t, err := parseTime(stringOf(out[len(dst):]), in.kind)
		if err != nil {
			return dst, KindMissing, err
		}
		if zone != nil {
			t = t.In(zone)
		}
		return t.AppendFormat(dst, layout), KindString, nil
	}, nil
}

// parseTime drops the errors of the standard library: they quote the value.
func parseTime(s string, kind Kind) (time.Time, error) {
	if kind == KindString {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return t, errors.New("the string is not a time of RFC 3339")
		}
		return t, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, errors.New("the number is not whole, or out of range")
	}
	t := time.Unix(n, 0)
	if n >= 1e12 {
		t = time.UnixMilli(n)
	}
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return t, errors.New("the number is not a time of the years 0 to 9999")
	}
	return t, nil
}
