package pb_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hearthcache/hearth/lance/pb"
)

// message builds a message from fields.
type message []byte

func (m message) num(n protowire.Number, v uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), v)
}

func (m message) bytes(n protowire.Number, v []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, n, protowire.BytesType), v)
}

func (m message) text(n protowire.Number, v string) message { return m.bytes(n, []byte(v)) }

func TestASchemaFieldDecodes(t *testing.T) {
	b := message(nil).num(1, 2).text(2, "id").num(3, 7).num(4, ^uint64(0)).text(5, "int64").num(6, 1).
		bytes(10, message(nil).text(1, "k").text(2, "v")).num(12, 1).num(13, 1).text(99, "later")
	got, err := pb.DecodeSchemaField(b)
	if err != nil {
		t.Fatal(err)
	}
	want := pb.SchemaField{
		Type: 2, Name: "id", ID: 7, ParentID: -1, LogicalType: "int64", Nullable: true, Metadata: map[string][]byte{"k": []byte("v")},
		PrimaryKey: true, PrimaryKeyPos: 1, Unknown: message(nil).text(99, "later"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRepeatedNumbersDecodePackedAndNot(t *testing.T) {
	packed := message(nil).bytes(1, []byte{64, 0x80, 0x02}).num(3, 5)
	single := message(nil).num(1, 64).num(1, 256).num(3, 5)
	for name, b := range map[string]message{"packed": packed, "one by one": single} {
		got, err := pb.DecodePage(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]uint64{64, 256}, got.BufferOffsets); diff != "" || got.Length != 5 {
			t.Errorf("%s: %+v (-want +got):\n%s", name, got, diff)
		}
	}
}

func TestTwoChoicesAreMalformed(t *testing.T) {
	flat := message(nil).num(1, 64)
	for name, decode := range map[string]func() error{
		"compressive encoding": func() error {
			_, err := pb.DecodeCompressiveEncoding(message(nil).bytes(1, flat).bytes(5, flat))
			return err
		},
		"array encoding": func() error {
			_, err := pb.DecodeArrayEncoding(message(nil).bytes(1, flat).bytes(13, nil))
			return err
		},
		"one twice": func() error {
			_, err := pb.DecodeArrayEncoding(message(nil).bytes(1, flat).bytes(1, flat))
			return err
		},
		"nulls and none": func() error {
			_, err := pb.DecodeArrayEncoding(message(nil).bytes(2, message(nil).bytes(3, nil).bytes(1, nil)))
			return err
		},
		"page layout": func() error {
			_, err := pb.DecodePageLayout(message(nil).bytes(1, nil).bytes(2, nil))
			return err
		},
	} {
		if err := decode(); !errors.Is(err, pb.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func TestDamagedMessagesAreMalformed(t *testing.T) {
	deep := message(nil).num(1, 64)
	for range 100 {
		deep = message(nil).bytes(10, message(nil).bytes(3, deep))
	}
	for name, f := range map[string]func() error{
		"a tag without a value":   func() error { _, err := pb.DecodePage([]byte{0x18}); return err },
		"bytes longer than there": func() error { _, err := pb.DecodePage([]byte{0x0a, 0x7f, 1}); return err },
		"a group":                 func() error { _, err := pb.DecodePage([]byte{0x0b}); return err },
		"a number for a message":  func() error { _, err := pb.DecodePage(message(nil).num(4, 1)); return err },
		"text that is not UTF-8":  func() error { _, err := pb.DecodeSchemaField(message(nil).bytes(2, []byte{0xff})); return err },
		"a packed number cut off": func() error { _, err := pb.DecodePage(message(nil).bytes(1, []byte{0x80})); return err },
		"a number beyond 32 bits": func() error { _, err := pb.DecodeSchemaField(message(nil).num(13, 1<<40)); return err },
		"encodings without end":   func() error { _, err := pb.DecodeCompressiveEncoding(deep); return err },
		"an unknown layer":        func() error { _, err := pb.DecodePageLayout(message(nil).bytes(1, message(nil).num(6, 9))); return err },
		"a UUID of another length": func() error {
			_, err := pb.DecodeIndexSection(message(nil).bytes(1, message(nil).bytes(1, message(nil).text(1, "short"))))
			return err
		},
		"a manifest of other bytes": func() error { _, err := pb.DecodeManifest([]byte("LANC")); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if err := f(); !errors.Is(err, pb.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestEncodingsHaveNamesForPeople(t *testing.T) {
	flat := message(nil).bytes(1, message(nil).num(1, 32))
	variable := message(nil).bytes(2, message(nil).bytes(1, flat))
	fsst := message(nil).bytes(6, message(nil).text(1, "table").bytes(2, variable))
	layout, err := pb.DecodePageLayout(message(nil).bytes(1, message(nil).bytes(3, fsst).num(6, 3).num(6, 6)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := layout.String(), "mini-block [item? in list?{}] values fsst(variable(flat(32)))"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	e, err := pb.DecodeCompressiveEncoding(message(nil).bytes(15, nil))
	if err != nil || e.Name() != "delta" {
		t.Errorf("got %q and %v", e.Name(), err)
	}
}

func FuzzMessagesNeverPanic(f *testing.F) {
	f.Add([]byte(message(nil).num(3, 5).bytes(4, message(nil).bytes(2, message(nil).bytes(1, message(nil).text(1, "/x").text(2, "y"))))))
	f.Add([]byte(message(nil).bytes(1, message(nil).bytes(3, message(nil).bytes(1, message(nil).num(1, 64))))))
	f.Add([]byte(strings.Repeat("\x52\x02\x1a\x00", 10)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var errs []error
		add := func(err error) { errs = append(errs, err) }
		_, err := pb.DecodeManifest(b)
		add(err)
		_, err = pb.DecodeFileDescriptor(b)
		add(err)
		_, err = pb.DecodeColumnMetadata(b)
		add(err)
		_, err = pb.DecodeIndexSection(b)
		add(err)
		a, err := pb.DecodeArrayEncoding(b)
		if add(err); err == nil {
			_ = a.String()
		}
		l, err := pb.DecodePageLayout(b)
		if add(err); err == nil {
			_ = l.String()
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, pb.ErrMalformed) {
				t.Errorf("error of no kind: %v", err)
			}
		}
	})
}
