package template

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// constant makes the same result of everything.
func constant(out string, kind Kind) FilterFunc {
	return func(dst []byte, _ Value, _ []Value) ([]byte, Kind, error) { return append(dst, out...), kind, nil }
}

func TestOwnFilterResults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		f    Filter
		in   string
		want string // JSON, or an error's text
		ok   bool
	}{
		{"text", Filter{Func: constant(`a"b`, KindString)}, `1`, `"a\"b"`, true},
		{"no UTF-8", Filter{Func: constant("\xff", KindString)}, `1`, "\"\ufffd\"", true},
		{"a number", Filter{Func: constant("1.50", KindNumber)}, `1`, `1.50`, true},
		{"a bool", Filter{Func: constant("true", KindBool)}, `1`, `true`, true},
		{"null", Filter{Func: constant("null", KindNull)}, `1`, `null`, true},
		{"an object", Filter{Func: constant(`{"a":[]}`, KindObject)}, `1`, `{"a":[]}`, true},
		{"nothing", Filter{Func: constant("dropped", KindMissing)}, `1`, `null`, true},
		{"null is not seen", Filter{Func: constant("x", KindString)}, `null`, `null`, true},
		{"missing is not seen", Filter{Func: constant("x", KindString)}, ``, `null`, true},
		{"null is seen", Filter{Func: constant("x", KindString), Accepts: []Kind{KindNull}}, `null`, `"x"`, true},
		{"missing is seen", Filter{Func: constant("x", KindString), Accepts: []Kind{KindMissing}}, ``, `"x"`, true},
		{"a kind that is not accepted", Filter{Func: constant("x", KindString), Accepts: []Kind{KindArray, KindBool}}, `1`, "want bool or array, have number", false},
		{"not a number", Filter{Func: constant("01", KindNumber)}, `1`, "result is not JSON of kind number", false},
		{"space before a number", Filter{Func: constant(" 1", KindNumber)}, `1`, "result is not JSON of kind number", false},
		{"two values", Filter{Func: constant(`{} {}`, KindObject)}, `1`, "result is not JSON of kind object", false},
		{"space behind", Filter{Func: constant("[] ", KindArray)}, `1`, "result is not JSON of kind array", false},
		{"another kind", Filter{Func: constant("[]", KindObject)}, `1`, "result is not JSON of kind object", false},
		{"an empty result", Filter{Func: constant("", KindNull)}, `1`, "result is not JSON of kind null", false},
		{"JSON that is no UTF-8", Filter{Func: constant("[\"\xff\"]", KindArray)}, `1`, "result is not JSON of kind array", false},
		{"an unknown kind", Filter{Func: constant("{}", KindObject+1)}, `1`, "result is not JSON of kind kind 7", false},
		{"a slice of its own", Filter{Func: func([]byte, Value, []Value) ([]byte, Kind, error) { return []byte("own"), KindString, nil }}, `1`, `"own"`, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f, err := test.f.named("own")
			require.NoError(t, err)
			f, argErr := f.bind(nil, testLimit)
			require.Nil(t, argErr)
			buf, got, err := pipe([]byte("before"), value(test.in), []call{{f: f}}, testLimit)
			assert.True(t, bytes.HasPrefix(buf, []byte("before")))
			if !test.ok {
				require.EqualError(t, err, "template: filter own: "+test.want)
				assert.Equal(t, "before", string(buf))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, string(got.AppendJSON(nil)))
		})
	}
}

func TestOwnFilterFails(t *testing.T) {
	t.Parallel()
	cause := errors.New("why")
	f, err := Filter{Func: func(dst []byte, _ Value, _ []Value) ([]byte, Kind, error) {
		return append(dst, "half"...), KindString, cause
	}}.named("own")
	require.NoError(t, err)
	out, kind, err := f.apply([]byte("before"), newValue("1"), nil)
	require.ErrorIs(t, err, cause)
	require.EqualError(t, err, "template: filter own: why")
	assert.Equal(t, "before", string(out))
	assert.Equal(t, KindMissing, kind)
}

func TestOwnFilterPanics(t *testing.T) {
	t.Parallel()
	f, err := Filter{Func: func(_ []byte, in Value, _ []Value) ([]byte, Kind, error) { panic(in.String()) }}.named("own")
	require.NoError(t, err)
	out, kind, err := f.apply([]byte("before"), newValue(`"secret"`), nil)
	failed, ok := errors.AsType[*FilterError](err)
	require.True(t, ok)
	assert.Equal(t, "template: filter own: panic", err.Error())
	assert.Equal(t, "secret", failed.Panic)
	assert.Contains(t, string(failed.Stack), "TestOwnFilterPanics")
	assert.Equal(t, "before", string(out))
	assert.Equal(t, KindMissing, kind)
}

func TestOwnFilterArguments(t *testing.T) {
	t.Parallel()
	echo := func(dst []byte, in Value, args []Value) ([]byte, Kind, error) {
		dst = in.AppendText(dst)
		for _, arg := range args {
			dst = arg.AppendText(append(dst, '+'))
		}
		return dst, KindString, nil
	}
	refuse := func(args []Value) error {
		if args[0].Kind() != KindNumber {
			return errors.New("no number")
		}
		return nil
	}
	tests := []struct {
		name string
		f    Filter
		args string
		want string
		ok   bool
	}{
		{"none by default", Filter{Func: echo}, ``, "0", true},
		{"not one by default", Filter{Func: echo}, `[1]`, "filter own takes no arguments, not 1", false},
		{"as many as must be", Filter{Func: echo, MinArgs: 2}, `["a",1.50]`, "0+a+1.50", true},
		{"not more than must be", Filter{Func: echo, MinArgs: 1}, `[1,2]`, "filter own takes 1 argument, not 2", false},
		{"an optional one", Filter{Func: echo, MaxArgs: 1}, ``, "0", true},
		{"any number", Filter{Func: echo, MaxArgs: -1}, `[1,true,null,"a"]`, "0+1+true++a", true},
		{"checked", Filter{Func: echo, MinArgs: 1, Check: refuse}, `[1]`, "0+1", true},
		{"refused", Filter{Func: echo, MinArgs: 1, Check: refuse}, `["a"]`, "filter own: no number", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f, err := test.f.named("own")
			require.NoError(t, err)
			args := literals(test.args)
			f, argErr := f.bind(args, testLimit)
			if !test.ok {
				require.NotNil(t, argErr)
				assert.Equal(t, -1, argErr.index)
				assert.Equal(t, test.want, argErr.Error())
				return
			}
			require.Nil(t, argErr)
			_, v, err := pipe(nil, newValue("0"), []call{{f, args}}, testLimit)
			require.NoError(t, err)
			assert.Equal(t, test.want, v.String())
		})
	}
}

func TestWrongOwnFilters(t *testing.T) {
	t.Parallel()
	f := constant("", KindString)
	tests := []struct {
		name string
		f    Filter
		ok   bool
	}{
		{"own", Filter{Func: f}, true},
		{"_Own2", Filter{Func: f, Accepts: []Kind{KindMissing, KindObject}}, true},
		{"", Filter{Func: f}, false},
		{"2a", Filter{Func: f}, false},
		{"a-b", Filter{Func: f}, false},
		{"é", Filter{Func: f}, false},
		{"own", Filter{}, false},
		{"own", Filter{Func: f, MinArgs: -1}, false},
		{"own", Filter{Func: f, MinArgs: 2, MaxArgs: 1}, false},
		{"own", Filter{Func: f, Accepts: []Kind{KindObject + 1}}, false},
	}
	for _, test := range tests {
		_, err := test.f.named(test.name)
		if test.ok {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "template: ")
		}
	}
}
