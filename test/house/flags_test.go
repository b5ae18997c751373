// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/configuration.md names each command and its flags in one of two ways: a heading of the whole
// command ("## switchyardd runner") with one row for each flag, or one row for the whole command.
const configuration = "../../docs/configuration.md"

// globals is what the document calls the flags that every command of the client has.
const globals = "switchyard, every command"

// flagHelp is a line of help about one flag.
type flagHelp struct{ name, value string }

func TestConfigurationNamesEveryFlagAndNoOther(t *testing.T) {
	documented := documentedFlags(t)
	commands := helpOfPrograms(t)
	for name, flags := range commands {
		said, ok := documented[name]
		if !ok {
			t.Errorf("%s does not name the command %q", configuration, name)
			continue
		}
		for _, f := range flags {
			switch text, ok := said[f.name]; {
			case !ok:
				t.Errorf("%s does not name --%s of %q", configuration, f.name, name)
			case !strings.Contains(text, f.value):
				t.Errorf("%s does not say that %s is the default of --%s of %q", configuration, f.value, f.name, name)
			}
			delete(said, f.name)
		}
	}
	for name, left := range documented {
		if _, ok := commands[name]; !ok {
			t.Errorf("%s names the command %q, which there is not", configuration, name)
		}
		for _, f := range slices.Sorted(maps.Keys(left)) {
			t.Errorf("%s names --%s of %q, which there is not", configuration, f, name)
		}
	}
}

var (
	headingForm = regexp.MustCompile("^#+ (.*)$")
	rowForm     = regexp.MustCompile("^\\| `([a-z][a-z -]*[a-z])(?: [A-Z\\[][^`]*)?` \\|(.*)$")
	flagRowForm = regexp.MustCompile("^\\| (?:`-[a-z]`, )?`--([a-z-]+)[^`]*` \\|")
	flagForm    = regexp.MustCompile("`--([a-z-]+)")
)

// documentedFlags reads the document: of each command the flags, each with the text that says what it does.
func documentedFlags(t *testing.T) map[string]map[string]string {
	t.Helper()
	found := map[string]map[string]string{}
	section := ""
	for line := range strings.SplitSeq(readFile(t, configuration), "\n") {
		if m := headingForm.FindStringSubmatch(line); m != nil {
			section = strings.ReplaceAll(m[1], "`", "")
			continue
		}
		if m := flagRowForm.FindStringSubmatch(line); m != nil {
			note(found, section, m[1], line)
		} else if m := rowForm.FindStringSubmatch(line); m != nil && section == "The commands of switchyard" {
			command := "switchyard " + m[1]
			note(found, command, "", "")
			for _, f := range flagForm.FindAllStringSubmatch(m[2], -1) {
				note(found, command, f[1], m[2])
			}
		}
	}
	if len(found) < 10 {
		t.Fatalf("%s names only %d commands: it cannot be read any more", configuration, len(found))
	}
	return found
}

func note(found map[string]map[string]string, command, flag, text string) {
	if found[command] == nil {
		found[command] = map[string]string{}
	}
	if flag != "" {
		found[command][flag] = text
	}
}

// helpOfPrograms builds both programs and asks every command of theirs for its flags.
func helpOfPrograms(t *testing.T) map[string][]flagHelp {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "switchyard/cmd/switchyard", "switchyard/cmd/switchyardd")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the programs: %v\n%s", err, out)
	}
	found := map[string][]flagHelp{}
	for _, program := range []string{"switchyard", "switchyardd"} {
		collect(t, found, dir, []string{program})
	}
	if len(found) < 20 {
		t.Fatalf("only %d commands have help: their help cannot be read any more", len(found))
	}
	return found
}

var (
	subcommandForm = regexp.MustCompile(`^  ([a-z][a-z-]*) +[A-Z]`)
	flagHelpForm   = regexp.MustCompile(`^ +(?:-[a-z], )?--([a-z-]+)\b.*?(?:\(default "?\[?([^")\]]+)"?\]?\))?$`)
)

// collect reads the help of a command and of those below it.
func collect(t *testing.T, found map[string][]flagHelp, dir string, command []string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(dir, command[0]), append(slices.Clone(command[1:]), "--help")...)
	cmd.Env = []string{"HOME=" + dir}
	help, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s --help: %v", strings.Join(command, " "), err)
	}
	name, flags := strings.Join(command, " "), []flagHelp{}
	if name == "switchyard" {
		name = globals
	}
	group, part := false, ""
	for line := range strings.Lines(string(help)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasSuffix(line, ":") && !strings.HasPrefix(line, " ") {
			part = line
		}
		if m := subcommandForm.FindStringSubmatch(line); m != nil && part != "Usage:" && part != "Examples:" {
			group = true
			if m[1] != "help" && m[1] != "completion" { // cobra's own
				collect(t, found, dir, append(slices.Clone(command), m[1]))
			}
		}
		if m := flagHelpForm.FindStringSubmatch(line); m != nil && part == "Flags:" && m[1] != "help" {
			flags = append(flags, flagHelp{m[1], defaultOf(m[2])})
		}
	}
	if !group || len(flags) > 0 {
		found[name] = flags
	}
}

// defaultOf is the default to look for in the document: none where the help shows this machine's name.
func defaultOf(text string) string {
	if host, err := os.Hostname(); err == nil && text == host {
		return ""
	}
	return text
}

func TestConfigurationNamesEveryVariableAndNoOther(t *testing.T) {
	read := map[string]bool{}
	eachGoFile(t, func(name, text string) {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "test"+string(filepath.Separator)) {
			return
		}
		for _, v := range variableForm.FindAllString(text, -1) {
			read[v] = true
		}
	})
	documented := map[string]bool{}
	for _, v := range variableForm.FindAllString(readFile(t, configuration), -1) {
		documented[v] = true
	}
	for v := range read {
		if !documented[v] {
			t.Errorf("%s does not name the variable %s", configuration, v)
		}
	}
	for v := range documented {
		if !read[v] {
			t.Errorf("%s names the variable %s, which no program reads", configuration, v)
		}
	}
	if len(read) == 0 {
		t.Error("no variable is read anywhere: the sources cannot be read any more")
	}
}

var variableForm = regexp.MustCompile(`\bSWITCHYARD_[A-Z][A-Z_]*[A-Z]\b`)

func TestConfigurationNamesEveryExitCodeAndNoOther(t *testing.T) {
	checkExitCodes(t, "switchyard", exitCodes(t, "../../client/exit.go"))
	checkExitCodes(t, "switchyardd", exitCodes(t, "../../cmd/switchyardd/exit.go"))
}

func checkExitCodes(t *testing.T, program string, codes map[string]string) {
	t.Helper()
	text := readFile(t, configuration)
	_, table, ok := strings.Cut(text, "## Exit codes of "+program+"\n")
	if !ok {
		t.Fatalf("%s has no section for the exit codes of %s", configuration, program)
	}
	table, _, _ = strings.Cut(table, "\n#")
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(table, -1) {
		documented[m[1]] = true
	}
	codes["0"] = "success"
	for code, name := range codes {
		if !documented[code] {
			t.Errorf("%s does not name the exit code %s (%s) of %s", configuration, code, name, program)
		}
		delete(documented, code)
	}
	for code := range documented {
		t.Errorf("%s names the exit code %s of %s, which there is not", configuration, code, program)
	}
}

// exitCodes reads the constants Exit… or exit… of a file.
func exitCodes(t *testing.T, name string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == 1 && len(v.Values) == 1 && strings.HasPrefix(strings.ToLower(v.Names[0].Name), "exit") {
			if value, ok := v.Values[0].(*ast.BasicLit); ok {
				codes[value.Value] = v.Names[0].Name
			}
		}
		return true
	})
	if len(codes) == 0 {
		t.Fatalf("%s has no constants Exit…", name)
	}
	return codes
}

func TestLinksOfTheDocumentsLeadSomewhere(t *testing.T) {
	var documents []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md"} {
		some, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, some...)
	}
	if len(documents) < 5 {
		t.Fatalf("only %d documents are found", len(documents))
	}
	for _, d := range documents {
		for _, m := range linkForm.FindAllStringSubmatch(readFile(t, d), -1) {
			if err := checkLink(d, m[1]); err != nil {
				t.Errorf("%s: %v", strings.TrimPrefix(d, "../../"), err)
			}
		}
	}
}

var linkForm = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// checkLink looks whether a relative link leads to a file, and to a heading of it where it names one.
func checkLink(document, link string) error {
	path, anchor, _ := strings.Cut(link, "#")
	if strings.Contains(path, "://") {
		return nil
	}
	target := document
	if path != "" {
		target = filepath.Join(filepath.Dir(document), path)
	}
	b, err := os.ReadFile(target)
	if err != nil {
		return fmt.Errorf("the link to %q leads to no file", link)
	}
	if anchor != "" && !slices.Contains(anchors(string(b)), anchor) {
		return fmt.Errorf("the link to %q leads to no heading", link)
	}
	return nil
}

// anchors are the names of the headings as the usual renderers of Markdown make them.
func anchors(text string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
