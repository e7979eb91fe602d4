package jsonrows

import (
	"encoding/json"
	"fmt"
)

// value walks over JSON that is known to be well-formed.
type value struct {
	json []byte
	at   int
}

// peek returns the first byte of the next value.
func (v *value) peek() byte {
	for v.at < len(v.json) {
		switch c := v.json[v.at]; c {
		case ' ', '\t', '\n', '\r', ',', ':':
			v.at++
		default:
			return c
		}
	}
	return 0
}

// elements calls fn in front of each element of the array that is next; fn takes it.
func (v *value) elements(fn func() error) error {
	v.peek()
	v.at++
	for v.peek() != ']' {
		before := v.at
		if err := fn(); err != nil {
			return err
		}
		if v.at == before {
			v.skip()
		}
	}
	v.at++
	return nil
}

// members calls fn with the name of each member of the object that is next; fn takes the value.
func (v *value) members(fn func(name string) error) error {
	v.peek()
	v.at++
	for v.peek() != '}' {
		if err := fn(v.text()); err != nil {
			return err
		}
	}
	v.at++
	return nil
}

// text takes the string that is next.
func (v *value) text() string {
	v.peek()
	start := v.at
	plain := true
	for v.at++; v.json[v.at] != '"'; v.at++ {
		if v.json[v.at] == '\\' {
			plain = false
			v.at++
		}
	}
	v.at++
	raw := v.json[start:v.at]
	if plain {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		panic(fmt.Sprintf("jsonrows: a valid string that is none: %v", err)) // the line was found valid
	}
	return s
}

// word takes the number, true, false or null that is next.
func (v *value) word() []byte {
	v.peek()
	start := v.at
	for v.at < len(v.json) {
		switch v.json[v.at] {
		case ' ', '\t', '\n', '\r', ',', ']', '}':
			return v.json[start:v.at]
		}
		v.at++
	}
	return v.json[start:v.at]
}

// skip passes over the next value and returns its text.
func (v *value) skip() string {
	first := v.peek()
	start := v.at
	switch first {
	case '"':
		v.text()
	case '{', '[':
		for depth := 0; ; {
			switch v.peek() {
			case '"':
				v.text()
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			v.at++
			if depth == 0 {
				break
			}
		}
	default:
		v.word()
	}
	return string(v.json[start:v.at])
}

// excerpt takes the next value and returns as much of it as fits a message.
func (v *value) excerpt() string {
	s := v.skip()
	const most = 40
	if len(s) > most {
		s = s[:most] + "..."
	}
	return s
}
