// Prometheus in one process, without a server: it takes OTLP requests as Prometheus's own receiver
// does, answers queries, and evaluates the rules of its configuration over a span of time.
//
// The work is one JSON document on stdin, the results are one on stdout.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb"
)

type query struct {
	Name, Expr             string
	StartMs, EndMs, StepMs int64
}

type work struct {
	Config      string // The path of prometheus.yml.
	NativeDelta bool   // The feature otlp-native-delta-ingestion.
	Requests    [][]byte
	Queries     []query
	Rules       struct{ StartMs, EndMs, StepMs int64 }
}

type series struct {
	Labels map[string]string
	Points [][2]float64 // Milliseconds and value; what is not a number is left out.
}

type answer struct {
	Error    string
	Warnings []string
	Series   []series
}

type alert struct {
	AtMs                int64
	Labels, Annotations map[string]string
}

type results struct {
	Refused  []string
	Metrics  []string
	Answers  map[string]answer
	Rules    []string
	Problems []string
	Firing   []alert
}

func main() {
	var todo work
	if err := json.NewDecoder(os.Stdin).Decode(&todo); err != nil {
		log.Fatal(err)
	}
	done, err := run(context.Background(), todo)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(done); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, todo work) (results, error) {
	done := results{Answers: map[string]answer{}}
	logger := promslog.NewNopLogger()
	settings, err := config.LoadFile(todo.Config, false, logger)
	if err != nil {
		return done, err
	}
	db, err := open(settings)
	if err != nil {
		return done, err
	}
	defer os.RemoveAll(db.Dir())
	defer db.Close()
	options := remote.OTLPOptions{NativeDelta: todo.NativeDelta}
	receiver := remote.NewOTLPWriteHandler(logger, nil, db, func() config.Config { return *settings }, options)
	for _, body := range todo.Requests {
		request := httptest.NewRequest(http.MethodPost, "/api/v1/otlp/v1/metrics", bytes.NewReader(body))
		request.Header.Set("Content-Type", "application/x-protobuf")
		reply := httptest.NewRecorder()
		receiver.ServeHTTP(reply, request)
		if reply.Code != http.StatusOK {
			done.Refused = append(done.Refused, reply.Body.String())
		}
	}
	if done.Metrics, err = names(ctx, db); err != nil {
		return done, err
	}
	syntax := parser.NewParser(parser.Options{})
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: syntax,
	})
	for _, each := range todo.Queries {
		done.Answers[each.Name] = ask(ctx, engine, db, each)
	}
	if todo.Rules.StepMs > 0 {
		manager := rules.NewManager(&rules.ManagerOptions{
			QueryFunc: rules.EngineQueryFunc(engine, db), AppendableV2: db, Context: ctx, Logger: logger,
			NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Parser: syntax,
		})
		groups, problems := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, settings.RuleFiles...)
		for _, each := range problems {
			done.Problems = append(done.Problems, each.Error())
		}
		evaluate(ctx, groups, todo, &done)
	}
	return done, nil
}

func open(settings *config.Config) (*tsdb.DB, error) {
	folder, err := os.MkdirTemp("", "prometheus")
	if err != nil {
		return nil, err
	}
	options := tsdb.DefaultOptions()
	options.RetentionDuration = 0
	if of := settings.StorageConfig.TSDBConfig; of != nil {
		options.OutOfOrderTimeWindow = of.OutOfOrderTimeWindow
	}
	return tsdb.Open(folder, nil, nil, options, tsdb.NewDBStats())
}

func names(ctx context.Context, db *tsdb.DB) ([]string, error) {
	querier, err := db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	defer querier.Close()
	found, _, err := querier.LabelValues(ctx, "__name__", nil)
	return append([]string{}, found...), err
}

func ask(ctx context.Context, engine *promql.Engine, db *tsdb.DB, each query) answer {
	start, end := time.UnixMilli(each.StartMs), time.UnixMilli(each.EndMs)
	asked, err := engine.NewRangeQuery(ctx, db, nil, each.Expr, start, end, time.Duration(each.StepMs)*time.Millisecond)
	if err != nil {
		return answer{Error: err.Error()}
	}
	defer asked.Close()
	result := asked.Exec(ctx)
	matrix, err := result.Matrix()
	if err != nil {
		return answer{Error: err.Error()}
	}
	told := answer{Series: []series{}}
	for _, warning := range result.Warnings {
		told.Warnings = append(told.Warnings, warning.Error())
	}
	for _, one := range matrix {
		points := [][2]float64{}
		for _, point := range one.Floats {
			if !math.IsNaN(point.F) && !math.IsInf(point.F, 0) {
				points = append(points, [2]float64{float64(point.T), point.F})
			}
		}
		if len(points) > 0 {
			told.Series = append(told.Series, series{Labels: one.Metric.Map(), Points: points})
		}
	}
	return told
}

func evaluate(ctx context.Context, groups map[string]*rules.Group, todo work, done *results) {
	for _, group := range groups {
		for _, rule := range group.Rules() {
			done.Rules = append(done.Rules, rule.Name())
			if alerting, ok := rule.(*rules.AlertingRule); ok {
				alerting.SetRestored(true)
			}
		}
	}
	for at := todo.Rules.StartMs; at <= todo.Rules.EndMs; at += todo.Rules.StepMs {
		for _, group := range groups {
			group.Eval(ctx, time.UnixMilli(at))
			for _, rule := range group.Rules() {
				if err := rule.LastError(); err != nil {
					done.Problems = append(done.Problems, fmt.Sprintf("%s: %s", rule.Name(), err))
				}
				alerting, ok := rule.(*rules.AlertingRule)
				if !ok {
					continue
				}
				for _, one := range alerting.ActiveAlerts() {
					if one.State == rules.StateFiring {
						done.Firing = append(done.Firing, alert{at, one.Labels.Map(), one.Annotations.Map()})
					}
				}
			}
		}
	}
}
