package postform

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Policy says what a form may contain and until when it may be sent.
type Policy struct {
	expiration time.Time
	conditions []condition
	sizes      []sizeRange
}

// A condition is about one field.
type condition struct {
	field  string // in lower case
	value  string
	prefix bool   // value is what the field begins with, rather than the field
	text   string // as S3 quotes it
}

// A sizeRange bounds the file's length, both ends included.
type sizeRange struct{ least, most int64 }

// ParsePolicy decodes the field policy: JSON in base64, with or without padding.
func ParsePolicy(encoded string) (*Policy, error) {
	document, err := decodePolicy(encoded)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(document, &members) != nil {
		return nil, errJSON
	}
	expiration, conditions := members["expiration"], members["conditions"]
	if expiration == nil {
		return nil, invalidPolicy("Policy missing expiration.")
	}
	if conditions == nil {
		return nil, invalidPolicy("Policy missing conditions.")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != "expiration" && name != "conditions" {
			return nil, invalidPolicy("Unexpected: " + strconv.Quote(clip(name)))
		}
	}
	policy := &Policy{}
	var text string
	if json.Unmarshal(expiration, &text) != nil {
		return nil, errJSON
	}
	if policy.expiration, err = time.Parse(time.RFC3339, text); err != nil {
		return nil, invalidPolicy("Invalid 'expiration' value: '" + clip(text) + "'")
	}
	var list []json.RawMessage
	if json.Unmarshal(conditions, &list) != nil || list == nil {
		return nil, invalidPolicy("Invalid 'conditions' value: must be a List.")
	}
	for _, raw := range list {
		if err := policy.add(raw); err != nil {
			return nil, err
		}
	}
	return policy, nil
}

var errJSON = invalidPolicy("Invalid JSON.")

func decodePolicy(encoded string) ([]byte, error) {
	encoded = strings.TrimSpace(encoded)
	if encoded == "" {
		return nil, invalidPolicy("Expecting '{' but found End-of-Input")
	}
	document, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return nil, invalidPolicy("invalid Base64 encoding.")
	}
	return document, nil
}

// add takes one member of the list of conditions: an object with one property or a list
// of an operation and two arguments.
func (p *Policy) add(raw json.RawMessage) error {
	var object map[string]any
	if json.Unmarshal(raw, &object) == nil && object != nil {
		return p.addSimple(object)
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || list == nil {
		return invalidPolicy("Invalid condition test: must be a List or Object.")
	}
	if len(list) == 0 {
		return invalidPolicy("Invalid Condition: missing operation identifier.")
	}
	var operation string
	if json.Unmarshal(list[0], &operation) != nil {
		return errJSON
	}
	switch operation {
	case "eq", "starts-with", "content-length-range":
	default:
		return invalidPolicy("Invalid Condition: unknown operation '" + clip(operation) + "'.")
	}
	if len(list) != 3 {
		return invalidPolicy("Invalid " + operation + ": wrong number of arguments.")
	}
	if operation == "content-length-range" {
		least, ok := integer(list[1])
		most, too := integer(list[2])
		if !ok || !too {
			return errJSON
		}
		p.sizes = append(p.sizes, sizeRange{least, most})
		return nil
	}
	var field string
	if json.Unmarshal(list[1], &field) != nil {
		return errJSON
	}
	value, ok := scalar(list[2])
	if !ok {
		return errJSON
	}
	name, ok := strings.CutPrefix(field, "$")
	if !ok || strings.TrimSpace(name) == "" {
		return conditionFailed(string(raw))
	}
	p.conditions = append(p.conditions, condition{
		field: strings.ToLower(name), value: value, prefix: operation == "starts-with", text: string(raw),
	})
	return nil
}

func (p *Policy) addSimple(object map[string]any) error {
	if len(object) != 1 {
		return invalidPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
	}
	for name, value := range object {
		text, ok := value.(string)
		if !ok {
			return invalidPolicy("Invalid Simple-Condition: value must be a string.")
		}
		c := condition{field: strings.ToLower(name), value: text}
		c.text = fmt.Sprintf(`["eq", "$%s", "%s"]`, c.field, c.value)
		if strings.TrimSpace(name) == "" {
			return conditionFailed(c.text)
		}
		p.conditions = append(p.conditions, c)
	}
	return nil
}

// integer reads a number, or a number in quotation marks.
func integer(raw json.RawMessage) (int64, bool) {
	text, ok := scalar(raw)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// scalar reads a string or a number, as it is written.
func scalar(raw json.RawMessage) (string, bool) {
	var number json.Number
	if len(raw) > 0 && raw[0] != '"' && json.Unmarshal(raw, &number) == nil && number != "" {
		return number.String(), true
	}
	var text *string
	if json.Unmarshal(raw, &text) != nil || text == nil {
		return "", false
	}
	return *text, true
}

func conditionFailed(text string) *Error { return refused("Policy Condition failed: " + text) }

func extraField(name string) *Error { return refused("Extra input fields: " + clip(name)) }

// Check reports why the policy does not allow a form to be sent to a bucket, all but the
// length of its file. The form has to be expanded.
//
// Every field has to be in a condition, except for the policy itself, its signature, and
// those whose name begins with x-ignore-; and the policy has to say which bucket it is for.
func (p *Policy) Check(now time.Time, bucket string, form *Form) error {
	if now.After(p.expiration) {
		return refused("Policy expired.")
	}
	covered := make(map[string]bool, len(p.conditions))
	for _, c := range p.conditions {
		covered[c.field] = true
	}
	for _, name := range slices.Sorted(maps.Keys(form.fields)) {
		switch {
		case covered[name], name == "policy", name == "x-amz-signature", strings.HasPrefix(name, "x-ignore-"):
		default:
			return extraField(name)
		}
	}
	for _, c := range p.conditions {
		value, ok := form.fields[c.field]
		if c.field == "bucket" { // where it goes, whatever the form says
			value, ok = bucket, true
		}
		if !ok || !c.met(value) {
			return conditionFailed(c.text)
		}
	}
	if !covered["bucket"] {
		return extraField("bucket")
	}
	return nil
}

func (c *condition) met(value string) bool {
	if !c.prefix {
		return value == c.value
	}
	if c.field == "content-type" { // may be a list
		for one := range strings.SplitSeq(value, ",") {
			if !strings.HasPrefix(strings.TrimSpace(one), c.value) {
				return false
			}
		}
		return true
	}
	return strings.HasPrefix(value, c.value)
}

// CheckSize reports why the policy does not allow a file of n bytes.
func (p *Policy) CheckSize(n int64) error {
	for _, r := range p.sizes {
		if n > r.most {
			return tooLarge(n, r.most)
		}
		if n < r.least {
			return tooSmall(n, r.least)
		}
	}
	return nil
}
