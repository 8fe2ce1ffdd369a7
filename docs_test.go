package gatehouse_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z0-9]\w*)\(`)
	testName  = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z0-9]\\w*)`")
	threatRow = regexp.MustCompile(`(?m)^\| (\d+) \|.*$`)
	threat    = regexp.MustCompile(`^TestThreat(\d+)_`)
)

// What the documents say is shown by a test is: the test is there.
func TestDocumentsNameTestsThatExist(t *testing.T) {
	tests := testsOfTheTree(t)
	for _, name := range []string{"docs/architecture.md", "docs/asvs.md", "docs/threats.md"} {
		cited := testName.FindAllStringSubmatch(document(t, name), -1)
		if len(cited) == 0 {
			t.Errorf("%s names no test", name)
		}
		for _, m := range cited {
			if !tests[m[1]] {
				t.Errorf("%s: there is no %s", name, m[1])
			}
		}
	}
}

// Every attack has its row, and its tests stand in it.
func TestThreatsHaveTheirTests(t *testing.T) {
	rows := map[string]string{}
	var order []string
	for _, m := range threatRow.FindAllStringSubmatch(document(t, "docs/threats.md"), -1) {
		rows[m[1]] = m[0]
		order = append(order, m[1])
	}
	for i, n := range order {
		if n != fmt.Sprint(i+1) {
			t.Fatalf("row %d is that of threat %s", i+1, n)
		}
	}
	if len(order) != 35 {
		t.Errorf("%d rows", len(order))
	}
	for name := range testsOfTheTree(t) {
		m := threat.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		if row := rows[strings.TrimLeft(m[1], "0")]; !strings.Contains(row, "`"+name+"`") {
			t.Errorf("docs/threats.md: %s is not in its row", name)
		}
	}
	for n, row := range rows {
		if cells := strings.Split(row, " | "); !testName.MatchString(cells[len(cells)-1]) && !strings.Contains(row, "none yet") {
			t.Errorf("docs/threats.md: row %s has no test and does not say so", n)
		}
	}
}

// Requirements have one row each, in the order of their ids.
func TestASVSRowsAreInOrder(t *testing.T) {
	var last []int
	rows := regexp.MustCompile(`(?m)^\| V(\d+)\.(\d+)\.(\d+) \|`).FindAllStringSubmatch(document(t, "docs/asvs.md"), -1)
	if len(rows) == 0 {
		t.Fatal("no rows")
	}
	for _, m := range rows {
		var id [3]int
		fmt.Sscan(strings.Join(m[1:], " "), &id[0], &id[1], &id[2])
		if slices.Compare(last, id[:]) >= 0 {
			t.Errorf("%v comes after %v", id, last)
		}
		last = id[:]
	}
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	must(t, err)
	return string(text)
}

// testsOfTheTree are the names of all tests, fuzz targets and benchmarks.
func testsOfTheTree(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipped(name)
		}
		if strings.HasSuffix(name, "_test.go") {
			for _, m := range testFunc.FindAllStringSubmatch(document(t, name), -1) {
				found[m[1]] = true
			}
		}
		return nil
	})
	must(t, err)
	return found
}
