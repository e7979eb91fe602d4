package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a page may take to show something, on a machine that is busy.
const patience = 60 * time.Second

// startChromium starts a browser until the test ends and returns its context.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	program := tool(t, "chromium", "HEARTH_E2E_CHROMIUM")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("lang", "en-US"), chromedp.Flag("no-proxy-server", true),
	)
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		cancelAllocator()
		t.Fatalf("%s does not start: %v", program, err)
	}
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser to end
		cancel()
		cancelAllocator()
	})
	return ctx
}

// A tab is one page in a browser. What goes wrong in it fails the test at its end.
type tab struct {
	t   *testing.T
	ctx context.Context
	// expected are parts of complaints that the test provokes.
	expected []string

	mu         sync.Mutex
	complaints []string // Guarded by mu
}

// openTab opens an empty page, of the size of a desktop's window.
func openTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	p := &tab{t: t, ctx: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			if e.Type != runtime.ConsoleAPICalledTypeError && e.Type != runtime.ConsoleAPICalledTypeWarning {
				return
			}
			var said []string
			for _, a := range e.Args {
				said = append(said, string(a.Value)+a.Description)
			}
			p.complain("console: " + strings.Join(said, " "))
		case *runtime.EventExceptionThrown:
			what := e.ExceptionDetails.Text
			if e.ExceptionDetails.Exception != nil {
				what += " " + e.ExceptionDetails.Exception.Description
			}
			p.complain("exception: " + what)
		case *log.EventEntryAdded: // failed requests, violations of the Content-Security-Policy
			if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning || e.Entry.Source == log.EntrySourceSecurity {
				p.complain(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
			}
		}
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	p.size(1280, 900)
	t.Cleanup(func() {
		if t.Failed() {
			p.keepPicture()
		}
		cancel()
		for _, c := range p.unexpected() {
			t.Errorf("the page complains: %s", c)
		}
	})
	return p
}

func (p *tab) complain(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, what)
}

func (p *tab) unexpected() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
complaints:
	for _, c := range p.complaints {
		for _, part := range p.expected {
			if strings.Contains(c, part) {
				continue complaints
			}
		}
		all = append(all, c)
	}
	return all
}

// keepPicture writes what a failed test saw into the folder that HEARTH_E2E_PICTURES names.
func (p *tab) keepPicture() {
	folder := os.Getenv("HEARTH_E2E_PICTURES")
	if folder == "" {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Logf("no picture: %v", err)
		return
	}
	name := folder + "/" + strings.NewReplacer("/", "_", " ", "_").Replace(p.t.Name()) + ".png"
	if err := os.WriteFile(name, png, 0o600); err != nil {
		p.t.Logf("no picture: %v", err)
	}
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) size(width, height int64) {
	p.t.Helper()
	var more []chromedp.EmulateViewportOption
	if width < 600 {
		more = append(more, chromedp.EmulateMobile)
	}
	p.do(chromedp.EmulateViewport(width, height, more...))
}

// prefer sets a media feature of the reader's system.
func (p *tab) prefer(name, value string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: name, Value: value}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) open(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
}

// eval evaluates an expression in the page.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// await waits until an expression is true in the page.
func (p *tab) await(expression string) {
	p.t.Helper()
	ticker, deadline := time.NewTicker(30*time.Millisecond), time.After(patience)
	defer ticker.Stop()
	for {
		if eval[bool](p, "Boolean("+expression+")") {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			p.t.Fatalf("never true: %s\nThe page says:\n%s\n%v", expression, tail(eval[string](p, "document.body.innerText"), 60), p.unexpected())
		}
	}
}

// awaitText waits until an element holds some text.
func (p *tab) awaitText(selector, part string) {
	p.t.Helper()
	p.await(fmt.Sprintf("document.querySelector(%s)?.textContent.includes(%s)", quoted(selector), quoted(part)))
}

// click clicks with the mouse on what can be seen of an element.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.await(fmt.Sprintf("document.querySelector(%s)?.checkVisibility()", quoted(selector)))
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// fill types text into a field that is made empty before.
func (p *tab) fill(selector, value string) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`(() => { const f = document.querySelector(%s); f.focus(); f.value = ""; return true; })()`, quoted(selector)))
	p.press(value)
}

// press presses keys, one after another.
func (p *tab) press(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		p.do(chromedp.KeyEvent(key))
	}
}

// shortcut presses one key as a keyboard does: what the page keeps from having its effect
// types nothing, where press would.
func (p *tab) shortcut(key string) {
	p.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		e := input.DispatchKeyEventParams{Type: kind, Key: key}
		if kind == input.DispatchKeyEventTypeKeyDown {
			e.Text = key
		}
		if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, e); err != nil {
			p.t.Fatal(err)
		}
	}
}

const (
	tabKey    = kb.Tab
	enterKey  = kb.Enter
	escapeKey = kb.Escape
	downKey   = kb.ArrowDown
	upKey     = kb.ArrowUp
)

// quoted is s as JavaScript has it.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(b)
}
