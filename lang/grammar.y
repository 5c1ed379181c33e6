/* The grammar of one module. Actions only build nodes (parse.c). Juxtaposition joins nothing: an expression ends where
 * the next token cannot continue it, so words such as `truth` or `steps` are names inside of expressions and keywords
 * behind them. A construct in brackets that holds an error is read to its closing bracket (the stream sees to it that
 * there is one); an error in an item or a declaration is read to the next one. */
%code requires {
#include "lang/parse.h"
}
%code {
static int yylex(YYSTYPE *value, Span *span, Parser *parser);
static void yyerror(const Span *span, Parser *parser, const char *text);

#define YYLLOC_DEFAULT(current, rhs, n)                                                                                \
    do {                                                                                                               \
        if (n)                                                                                                         \
            (current) = span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n));                                                 \
        else                                                                                                           \
            (current) = (Span){YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end};                     \
    } while (0)
#define NODE(kind, span, ...) parse_node(parser, AST_##kind, span, __VA_ARGS__)
#define NAMED(kind, span, name, keyword, ...) parse_named(parser, AST_##kind, span, name, &(keyword), __VA_ARGS__)
#define PLAIN(kind, span, name, ...) parse_named(parser, AST_##kind, span, name, NULL, __VA_ARGS__)
#define POISON(span) parse_node(parser, AST_POISON, span, 0)
#define BINARY(op, span, left, right) parse_binary(parser, AST_##op, span, left, right)
#define LIST(span, first) parse_list(parser, span, first)
#define APPEND(list, member) parse_append(parser, list, member)
}

%define api.pure full
%define api.prefix {grammar_}
%define api.token.prefix {TOK_}
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%locations
%param {Parser *parser}
%expect 0
%initial-action { @$ = (Span){parser->file, 0, 0}; }

%union {
    Token token;
    AstNode *node;
    const char *path;
}

%token <token> END NAME NUMBER STRING UNIT_NAME
%token <token> USE SIZE CONST UNIT FLAVOUR PARAM OPTION FUN EXTERN QCF DENSITY XSEC CHECK DETECTOR EVENT DATA NETWORK LAYER FIT
%token <token> VECTORS EVENTS GENERATE LET MINIMIZE MONITOR STOP SELECT FREEZE
%token <token> WEIGHT KEEP SMEAR REBUILD CONFUSE ADD REQUIRE
%token <token> AS ORDERED SIMPLEX PRIOR FIXED SCALE NORMALIZED SO SOLVING POSITIVE WITHIN PER WHEN ON
%token <token> COLUMNS IGNORING WHERE SPLIT WITH PROBABILITY FRACTION BEST GRADIENT EXACT UNBIASED BIASED DERIVATIVE
%token <token> PARAMS START TRUTH IN FROM BY OVER USING EVERY SHARED AFTER STEPS FOR ALL BATCH OF
%token <token> IF THEN ELSE DRAW NOT AND OR
%token <token> PIPE LESS LESS_EQUAL GREATER GREATER_EQUAL EQUAL NOT_EQUAL PLUS MINUS STAR SLASH AT CARET DOT PERCENT
%token <token> DOTDOT COMMA COLON ASSIGN TILDE ARROW
%token <token> LPAREN LBRACK LBRACE LINE_LPAREN LINE_LBRACK LINE_MINUS RPAREN RBRACK RBRACE

%type <path> path
%type <node> declaration data_set expr postfix quantity exponent args_opt args arg source list_opt list array name
%type <node> imports_opt family_opt family index domain interval param_tail parameters parameter_list parameter
%type <node> dims_opt type_opt gradient_opt default_opt result_opt scale_opt conditions condition measure_opt measure when_opt
%type <node> within_opt ranges range_list range fields_opt columns_opt column_list column where_opt split_opt truth_opt
%type <node> layer_items weight stages stage cause_opt items item names every_opt shared_opt exchange_args exchange_arg
%type <node> let_list let block draws draw_list draw record pairs pair comprehension builder derivative_opt
%type <token> line_opt

/* lowest first; END_OF_EXPR stands for "the expression is complete" */
%precedence END_OF_EXPR
%precedence IF_ELSE
%precedence PIPE
%left OR
%left AND
%precedence NOT
%left LESS LESS_EQUAL GREATER GREATER_EQUAL EQUAL NOT_EQUAL
%left PLUS MINUS
%left STAR SLASH AT
%precedence UNARY_MINUS
%right CARET
%precedence LPAREN LBRACK DOT BY

%%

module: declarations END
      | declarations error END
      ;

declarations: %empty
            | declarations declaration { APPEND(parser->module, $2); }
            | declarations error declaration { APPEND(parser->module, POISON(@2)); APPEND(parser->module, $3); }
            ;

declaration: USE path imports_opt { $$ = parse_use(parser, @$, $2, @2, $3, NULL); }
           | USE path AS name { $$ = parse_use(parser, @$, $2, @2, NULL, $4); }
           | UNIT name { $$ = NAMED(UNIT, @$, @2, $1, 1, NULL); }
           | UNIT name ASSIGN expr { $$ = NAMED(UNIT, @$, @2, $1, 1, $4); }
           | FLAVOUR name IN LBRACE names RBRACE { $$ = NAMED(FLAVOUR, @$, @2, $1, 1, $5); }
           | FLAVOUR name IN LBRACE error RBRACE { $$ = POISON(@$); }
           | SIZE name ASSIGN expr { $$ = NAMED(SIZE, @$, @2, $1, 1, $4); }
           | CONST name ASSIGN expr { $$ = NAMED(CONST, @$, @2, $1, 1, $4); }
           | PARAM name family_opt type_opt param_tail { $$ = parse_param(parser, @$, @2, &$1, NULL, $3, $4, $5); }
           | PARAM name DOT name type_opt param_tail { $$ = parse_param(parser, @$, @2, &$1, $4, NULL, $5, $6); }
           | OPTION name ASSIGN expr { $$ = NAMED(OPTION, @$, @2, $1, 1, $4); }
           | OPTION name ASSIGN expr STRING { $$ = NAMED(OPTION, @$, @2, $1, 1, $4); $$->text = $5.text; }
           | FUN name parameters result_opt type_opt gradient_opt ASSIGN expr derivative_opt
             { $$ = NAMED(FUN, @$, @2, $1, 6, $3, $4, $8, $5, $9, $6); }
           | EXTERN FUN name parameters type_opt FROM STRING derivative_opt
             { $$ = NAMED(FUN, @$, @3, $1, 6, $4, NULL, NULL, $5, $8, NULL); $$->text = $7.text; }
           | QCF name family_opt parameters type_opt scale_opt ASSIGN expr conditions
             { $$ = NAMED(QCF, @$, @2, $1, 6, $4, $8, $3, $5, $6, $9); }
           | DENSITY name family_opt ranges type_opt measure_opt ASSIGN expr when_opt
             { $$ = NAMED(DENSITY, @$, @2, $1, 6, $4, $8, $3, $5, $6, $9); }
           | XSEC name family_opt ranges type_opt measure_opt ASSIGN expr when_opt
             { $$ = NAMED(DENSITY, @$, @2, $1, 6, $4, $8, $3, $5, $6, $9); $$->flag = true; }
           | CHECK expr within_opt { $$ = parse_check(parser, @$, &$1, $2, $3); }
           | EVENT name LBRACE fields_opt RBRACE { $$ = NAMED(EVENT, @$, @2, $1, 1, $4); }
           | EVENT name LBRACE error RBRACE { $$ = POISON(@$); }
           | data_set
           | DETECTOR name parameters ARROW name LBRACE stages RBRACE { $$ = NAMED(DETECTOR, @$, @2, $1, 3, $3, $5, $7); }
           | DETECTOR name parameters ARROW name LBRACE stages error RBRACE { $$ = POISON(@$); }
           | NETWORK name family_opt parameters result_opt ASSIGN expr
             { $$ = NAMED(NETWORK, @$, @2, $1, 4, $4, $5, $7, $3); }
           | LAYER name parameters result_opt ASSIGN expr
             { $$ = NAMED(LAYER, @$, @2, $1, 4, $3, $4, LIST(@5, NULL), $6); }
           | LAYER name parameters result_opt LBRACE layer_items expr RBRACE
             { $$ = parse_layer(parser, @$, @2, &$1, $3, $4, $6, $7); }
           | LAYER name parameters result_opt LBRACE layer_items error RBRACE { $$ = POISON(@$); }
           | FIT name ASSIGN expr { $$ = NAMED(FIT, @$, @2, $1, 2, LIST(@2, NULL), $4); }
           | FIT name LBRACE items RBRACE { $$ = NAMED(FIT, @$, @2, $1, 2, $4, NULL); }
           | FIT name LBRACE items error RBRACE
             { $$ = NAMED(FIT, @$, @2, $1, 2, APPEND($4, POISON(@5)), NULL); }
           ;

/* a word that is not a keyword here */
name: word { $$ = PLAIN(NAME, @$, @1, 0); }
    ;

word: NAME | SIZE | UNIT | FLAVOUR | OPTION | XSEC | CHECK | DETECTOR | EVENT | DATA | VECTORS | EVENTS | SELECT | FREEZE
    | KEEP | SMEAR | REBUILD | CONFUSE | ADD | REQUIRE | AS | ORDERED | SIMPLEX | PRIOR | FIXED | SCALE | NORMALIZED
    | SO | SOLVING | POSITIVE | WITHIN | PER | WHEN | COLUMNS | IGNORING | WHERE | SPLIT | WITH | PROBABILITY
    | FRACTION | BEST | GRADIENT | EXACT | UNBIASED | BIASED | DERIVATIVE | PARAMS | START | TRUTH | FROM | BY | OVER | USING | EVERY | SHARED | AFTER | STEPS | OF | STOP
    ;

names: name { $$ = LIST(@$, $1); }
     | names COMMA name { $$ = APPEND($1, $3); }
     ;

/* use std.units (GeV, pb) */
path: name { $$ = $1->name; }
    | path DOT name { $$ = parse_path(parser, $1, @3); }
    ;

imports_opt: %empty { $$ = NULL; }
           | LPAREN names RPAREN { $$ = $2; }
           | LPAREN error RPAREN { $$ = NULL; }
           ;

/* [q], [j in n_dens], [20, 20] */
family_opt: %empty { $$ = NULL; }
          | LBRACK family RBRACK { $$ = parse_spread(parser, AST_FAMILY, @$, NULL, $2); }
          | LBRACK error RBRACK { $$ = POISON(@$); }
          ;

family: index { $$ = LIST(@$, $1); }
      | family COMMA index { $$ = APPEND($1, $3); }
      ;

index: expr
     | name IN expr { $$ = PLAIN(BINDER, @$, @1, 1, $3); }
     ;

/* param N in (low, high) start value truth value: a DOMAIN or one of the marks, collected in a LIST */
param_tail: %empty { $$ = LIST(@$, NULL); }
          | param_tail IN domain { $$ = APPEND($1, $3); }
          | param_tail ASSIGN expr { $$ = parse_mark(parser, $1, "=", @2, $3); }
          | param_tail START expr { $$ = parse_mark(parser, $1, "start", @2, $3); }
          | param_tail TRUTH expr { $$ = parse_mark(parser, $1, "truth", @2, $3); }
          | param_tail PRIOR expr { $$ = parse_mark(parser, $1, "prior", @2, $3); }
          | param_tail FIXED { $$ = parse_mark(parser, $1, "fixed", @2, NULL); }
          ;

domain: interval
      | POSITIVE { $$ = NODE(DOMAIN, @$, 2, NULL, NULL); $$->name = parse_intern(parser, @1); }
      | SIMPLEX { $$ = NODE(DOMAIN, @$, 2, NULL, NULL); $$->name = parse_intern(parser, @1); }
      | ORDERED interval { $$ = $2; $$->name = parse_intern(parser, @1); }
      ;

interval: LPAREN expr COMMA expr RPAREN { $$ = NODE(DOMAIN, @$, 2, $2, $4); }
        | LPAREN expr COMMA expr RBRACK { $$ = NODE(DOMAIN, @$, 2, $2, $4); $$->number = 2; }
        | LBRACK expr COMMA expr RPAREN { $$ = NODE(DOMAIN, @$, 2, $2, $4); $$->number = 1; }
        | LBRACK expr COMMA expr RBRACK { $$ = NODE(DOMAIN, @$, 2, $2, $4); $$->number = 3; }
        | LPAREN error RPAREN { $$ = NODE(DOMAIN, @$, 2, POISON(@2), POISON(@2)); }
        ;

/* (x, w[m, n], e : Event, m : GeV, lambda = 10) */
parameters: LPAREN RPAREN { $$ = LIST(@$, NULL); }
          | LPAREN parameter_list RPAREN { $$ = $2; $$->span = @$; }
          | LPAREN error RPAREN { $$ = LIST(@$, POISON(@2)); }
          ;

parameter_list: parameter { $$ = LIST(@$, $1); }
              | parameter_list COMMA parameter { $$ = APPEND($1, $3); }
              ;

parameter: name dims_opt type_opt default_opt { $$ = PLAIN(ARG, @$, @1, 3, $2, $3, $4); }
         ;

dims_opt: %empty { $$ = NULL; }
        | LBRACK list RBRACK { $$ = $2; }
        | LBRACK error RBRACK { $$ = LIST(@$, POISON(@2)); }
        ;

type_opt: %empty { $$ = NULL; }
        | COLON expr { $$ = $2; }
        ;

/* fun loits(f) gradient biased "the numbers of events in cells have no derivative" = ... */
gradient_opt: %empty { $$ = NULL; }
            | GRADIENT quality { $$ = PLAIN(GRADIENT, @$, @2, 0); }
            | GRADIENT quality STRING { $$ = PLAIN(GRADIENT, @$, @2, 0); $$->text = $3.text; }
            | GRADIENT BIASED STRING { $$ = PLAIN(GRADIENT, @$, @2, 0); $$->text = $3.text; }
            ;

quality: EXACT | UNBIASED
       ;

default_opt: %empty { $$ = NULL; }
           | ASSIGN expr { $$ = $2; }
           ;

result_opt: %empty { $$ = NULL; }
          | ARROW name { $$ = parse_real(parser, @2); }
          | ARROW LBRACK list RBRACK { $$ = parse_spread(parser, AST_SHAPE, @2, NULL, $3); }
          | ARROW LBRACK error RBRACK { $$ = POISON(@2); }
          | ARROW LBRACE parameter_list RBRACE { $$ = parse_spread(parser, AST_RECORD_SHAPE, @2, NULL, $3); }
          | ARROW LBRACE error RBRACE { $$ = POISON(@2); }
          ;

/* fun f(x, a) = x^a derivative { x: a * x^(a - 1), a: none } */
derivative_opt: %empty { $$ = NULL; }
              | DERIVATIVE LBRACE pairs RBRACE { $$ = $3; $$->span = @$; }
              | DERIVATIVE LBRACE error RBRACE { $$ = LIST(@$, POISON(@3)); }
              ;

/* qcf uv(x) at 1.9 GeV^2 = ... normalized so integral(uv(x) / x for x in 0 .. 1) = 2 solving A_uv */
scale_opt: %empty { $$ = NULL; }
         | SCALE expr { $$ = $2; }
         ;

conditions: %empty { $$ = LIST(@$, NULL); }
          | conditions condition { $$ = APPEND($1, $2); }
          ;

condition: NORMALIZED SO expr ASSIGN expr SOLVING name { $$ = PLAIN(NORMALIZED, @$, @7, 2, $3, $5); }
         | POSITIVE { $$ = NODE(POSITIVE, @$, 0); }
         | TRUTH expr { $$ = NODE(TRUTH, @$, 1, $2); }
         ;

measure_opt: %empty { $$ = NULL; }
           | PER measure { $$ = $2; }
           ;

measure: name { $$ = LIST(@$, $1); }
       | measure name { $$ = APPEND($1, $2); }
       ;

when_opt: %empty { $$ = NULL; }
        | WHEN expr { $$ = $2; }
        ;

within_opt: %empty { $$ = NULL; }
          | WITHIN expr { $$ = $2; }
          ;

/* (x in 0.1 .. 1, Q2 : GeV^2 in 3.5 .. 5000 on log), (e : Dis) */
ranges: LPAREN range_list RPAREN { $$ = $2; }
      | LPAREN error RPAREN { $$ = LIST(@$, POISON(@2)); }
      ;

range_list: range { $$ = LIST(@$, parse_argument($1)); }
          | range_list COMMA range { $$ = APPEND($1, parse_argument($3)); }
          ;

range: name dims_opt type_opt { $$ = PLAIN(VARIABLE, @$, @1, 4, NULL, NULL, $3, $2); }
     | name dims_opt type_opt IN expr { $$ = PLAIN(VARIABLE, @$, @1, 4, $5, NULL, $3, $2); }
     | name dims_opt type_opt IN expr DOTDOT expr line_opt
       { $$ = PLAIN(VARIABLE, @$, @1, 4, $5, $7, $3, $2); $$->flag = parse_on_log(parser, &$8); }
     ;

line_opt: %empty { $$ = (Token){0}; }
        | ON name { $$ = $1; $$.span = @2; }
        ;

fields_opt: %empty { $$ = LIST(@$, NULL); }
          | fields_opt range { $$ = APPEND($1, $2); }
          | fields_opt range COMMA { $$ = APPEND($1, $2); }
          ;

data_set: DATA name family_opt COLON name FROM STRING columns_opt where_opt split_opt truth_opt
          { $$ = NAMED(DATA, @$, @2, $1, 6, $5, $3, $8, $9, $10, $11); $$->text = $7.text; }
        ;

columns_opt: %empty { $$ = NULL; }
           | COLUMNS LBRACE column_list RBRACE { $$ = $3; }
           | COLUMNS LBRACE error RBRACE { $$ = LIST(@$, POISON(@3)); }
           ;

column_list: column { $$ = LIST(@$, $1); }
           | column_list COMMA column { $$ = APPEND($1, $3); }
           ;

column: name dims_opt type_opt { $$ = PLAIN(COLUMN, @$, @1, 2, $2, $3); }
      | name dims_opt PERCENT { $$ = PLAIN(COLUMN, @$, @1, 2, $2, NULL); $$->flag = true; }
      | column IGNORING STRING { $$ = parse_ignore(parser, $1, &$3); }
      ;

where_opt: %empty { $$ = NULL; }
         | WHERE expr { $$ = $2; }
         ;

split_opt: %empty { $$ = NULL; }
         | SPLIT expr { $$ = $2; }
         ;

truth_opt: %empty { $$ = NULL; }
         | TRUTH expr { $$ = $2; }
         ;

/* detector */
stages: %empty { $$ = LIST(@$, NULL); }
      | stages stage { $$ = APPEND($1, $2); }
      | stages error stage { $$ = APPEND(APPEND($1, POISON(@2)), $3); }
      ;

stage: WEIGHT expr { $$ = NODE(WEIGH, @$, 1, $2); }
     | KEEP WITH PROBABILITY expr { $$ = NODE(KEEP, @$, 1, $4); }
     | SMEAR name BY expr cause_opt { $$ = PLAIN(SMEAR, @$, @2, 2, $4, $5); }
     | REBUILD name ASSIGN expr { $$ = PLAIN(REBUILD, @$, @2, 1, $4); }
     | CONFUSE name BY expr { $$ = PLAIN(CONFUSE, @$, @2, 1, $4); }
     | ADD expr WITH FRACTION expr { $$ = NODE(ADD_EVENTS, @$, 2, $2, $5); }
     | REQUIRE expr { $$ = NODE(REQUIRE, @$, 1, $2); }
     | FREEZE name FROM STRING { $$ = NAMED(FREEZE, @$, @2, $1, 0); $$->text = $4.text; }
     | let
     ;

cause_opt: %empty { $$ = NULL; }
         | WHERE name ASSIGN expr { $$ = PLAIN(NAMED, @$, @2, 1, $4); }
         ;

layer_items: %empty { $$ = LIST(@$, NULL); }
           | layer_items weight { $$ = APPEND($1, $2); }
           | layer_items let { $$ = APPEND($1, $2); }
           | layer_items error weight { $$ = APPEND($1, $3); }
           | layer_items error let { $$ = APPEND($1, $3); }
           ;

weight: WEIGHT name dims_opt TILDE expr %prec END_OF_EXPR
        { $$ = NAMED(WEIGHT, @$, @2, $1, 2, parse_dims(parser, $3, @3), $5); $$->flag = true; }
      | WEIGHT name dims_opt ASSIGN expr %prec END_OF_EXPR
        { $$ = NAMED(WEIGHT, @$, @2, $1, 2, parse_dims(parser, $3, @3), $5); }
      ;

/* items of a fit */
items: %empty { $$ = LIST(@$, NULL); }
     | items item { $$ = APPEND($1, $2); }
     | items error item { $$ = APPEND(APPEND($1, POISON(@2)), $3); }
     ;

item: VECTORS expr { $$ = NODE(VECTORS, @$, 1, $2); }
    | EVENTS expr { $$ = NODE(EVENTS, @$, 1, $2); }
    | GENERATE PARAMS BY expr FROM expr { $$ = NODE(GENERATE, @$, 2, $4, $6); }
    | let
    | data_set
    | MINIMIZE expr OVER names USING postfix every_opt shared_opt { $$ = NODE(MINIMIZE, @$, 5, $2, $4, $6, $7, $8); }
    | MONITOR name ASSIGN expr { $$ = NAMED(MONITOR, @$, @2, $1, 1, $4); }
    | STOP AFTER expr STEPS { $$ = NODE(STOP, @$, 1, $3); }
    | STOP WHEN expr { $$ = NODE(STOP_WHEN, @$, 1, $3); }
    | SELECT BEST ON name { $$ = NAMED(SELECT, @$, @4, $1, 0); }
    | FREEZE name FROM STRING { $$ = NAMED(FREEZE, @$, @2, $1, 0); $$->text = $4.text; }
    ;

every_opt: %empty { $$ = NULL; }
         | EVERY expr { $$ = $2; }
         ;

shared_opt: %empty { $$ = NULL; }
          | SHARED BY name { $$ = PLAIN(EXCHANGE, @3, @3, 0); }
          | SHARED BY name LPAREN exchange_args RPAREN
            { $$ = parse_spread(parser, AST_EXCHANGE, @3, NULL, $5); $$->name = $3->name; $$->name_span = @3; }
          | SHARED BY name LPAREN error RPAREN { $$ = POISON(@3); }
          ;

exchange_args: exchange_arg { $$ = LIST(@$, $1); }
             | exchange_args COMMA exchange_arg { $$ = APPEND($1, $3); }
             ;

exchange_arg: name OF expr { $$ = PLAIN(NAMED, @$, @1, 1, $3); }
            | name EVERY expr { $$ = PLAIN(NAMED, @$, @1, 1, $3); }
            | name ASSIGN expr { $$ = PLAIN(NAMED, @$, @1, 1, $3); }
            ;

/* expressions */
expr: postfix %prec END_OF_EXPR
    | IF expr THEN expr ELSE expr %prec IF_ELSE { $$ = NODE(IF, @$, 3, $2, $4, $6); }
    | expr PIPE postfix %prec PIPE { $$ = NODE(PIPE, @$, 2, $1, $3); }
    | expr OR expr { $$ = BINARY(OR, @$, $1, $3); }
    | expr AND expr { $$ = BINARY(AND, @$, $1, $3); }
    | NOT expr { $$ = parse_unary(parser, AST_NOT, @$, $2); }
    | expr LESS expr { $$ = parse_compare(parser, AST_LT, @$, $1, $3); }
    | expr LESS_EQUAL expr { $$ = parse_compare(parser, AST_LE, @$, $1, $3); }
    | expr GREATER expr { $$ = parse_compare(parser, AST_GT, @$, $1, $3); }
    | expr GREATER_EQUAL expr { $$ = parse_compare(parser, AST_GE, @$, $1, $3); }
    | expr EQUAL expr { $$ = parse_compare(parser, AST_EQ, @$, $1, $3); }
    | expr NOT_EQUAL expr { $$ = parse_compare(parser, AST_NE, @$, $1, $3); }
    | expr PLUS expr { $$ = BINARY(ADD, @$, $1, $3); }
    | expr MINUS expr { $$ = BINARY(SUB, @$, $1, $3); }
    | expr STAR expr { $$ = BINARY(MUL, @$, $1, $3); }
    | expr SLASH expr { $$ = BINARY(DIV, @$, $1, $3); }
    | expr AT expr { $$ = BINARY(MATMUL, @$, $1, $3); }
    | expr CARET expr { $$ = BINARY(POW, @$, $1, $3); }
    | MINUS expr %prec UNARY_MINUS { $$ = parse_unary(parser, AST_NEG, @$, $2); }
    | LINE_MINUS expr %prec UNARY_MINUS { $$ = parse_unary(parser, AST_NEG, @$, $2); }
    ;

postfix: NUMBER { $$ = parse_number(parser, &$1); }
       | quantity
       | name %prec END_OF_EXPR
       | LPAREN expr RPAREN { $$ = parse_parens($2); }
       | LINE_LPAREN expr RPAREN { $$ = parse_parens($2); }
       | LPAREN error RPAREN { $$ = POISON(@$); }
       | LINE_LPAREN error RPAREN { $$ = POISON(@$); }
       | array
       | block
       | record
       | DRAW name draws { $$ = NODE(DRAW, @$, 4, $2, $3, NULL, NULL); }
       | DRAW name TILDE postfix %prec END_OF_EXPR
         { $$ = NODE(DRAW, @$, 4, $2, NULL, $4, NULL); }
       | DRAW name TILDE postfix BY postfix %prec END_OF_EXPR
         { $$ = NODE(DRAW, @$, 4, $2, NULL, $4, $6); }
       | postfix LBRACK list RBRACK { $$ = parse_spread(parser, AST_INDEX, @$, $1, $3); }
       | postfix LBRACK error RBRACK { $$ = POISON(@$); }
       | postfix LPAREN args_opt RPAREN { $$ = parse_call(parser, @$, $1, $3, @2); }
       | postfix LPAREN error RPAREN { $$ = POISON(@$); }
       | postfix DOT name { $$ = PLAIN(FIELD, @$, @3, 1, $1); }
       ;

/* 27.5 GeV, 10 GeV^2, 5 % */
quantity: NUMBER PERCENT { $$ = parse_percent(parser, @$, &$1); }
        | NUMBER UNIT_NAME %prec END_OF_EXPR { $$ = parse_quantity(parser, @$, &$1, @2, NULL); }
        | NUMBER UNIT_NAME CARET exponent { $$ = parse_quantity(parser, @$, &$1, @2, $4); }
        ;

exponent: NUMBER { $$ = parse_number(parser, &$1); }
        | MINUS NUMBER { $$ = parse_unary(parser, AST_NEG, @$, parse_number(parser, &$2)); }
        | LPAREN expr RPAREN { $$ = $2; }
        ;

args_opt: %empty { $$ = LIST(@$, NULL); }
        | args
        ;

args: arg { $$ = LIST(@$, $1); }
    | args COMMA arg { $$ = APPEND($1, $3); }
    ;

arg: expr
   | name ASSIGN expr { $$ = PLAIN(NAMED, @$, @1, 1, $3); }
   | comprehension
   ;

/* VALUE for i in A for a, b in pairs(A, B): the rightmost is the innermost */
comprehension: expr FOR names IN source when_opt { $$ = parse_loop(parser, AST_COMPREHEND, @$, $1, $3, $5, $6); }
             | comprehension FOR names IN source when_opt { $$ = parse_nest(parser, AST_COMPREHEND, $1, @$, $3, $5, $6); }
             | expr FOR name FROM expr { $$ = parse_loop(parser, AST_COMPREHEND, @$, $1, LIST(@3, $3), NODE(FROM, @5, 1, $5), NULL); }
             ;

source: expr
      | expr DOTDOT expr line_opt { $$ = NODE(RANGE, @$, 2, $1, $3); $$->flag = parse_on_log(parser, &$4); }
      | ALL OF expr { $$ = NODE(ALL_OF, @$, 1, $3); }
      | BATCH expr OF expr { $$ = NODE(BATCH_OF, @$, 2, $2, $4); }
      ;

list_opt: %empty { $$ = LIST(@$, NULL); }
        | list
        ;

list: expr { $$ = LIST(@$, $1); }
    | list COMMA expr { $$ = APPEND($1, $3); }
    ;

array: LBRACK list_opt RBRACK { $$ = parse_spread(parser, AST_ARRAY, @$, NULL, $2); }
     | LINE_LBRACK list_opt RBRACK { $$ = parse_spread(parser, AST_ARRAY, @$, NULL, $2); }
     | LBRACK builder RBRACK { $$ = $2; $$->span = @$; }
     | LINE_LBRACK builder RBRACK { $$ = $2; $$->span = @$; }
     | LBRACK error RBRACK { $$ = POISON(@$); }
     | LINE_LBRACK error RBRACK { $$ = POISON(@$); }
     ;

builder: expr FOR name IN source when_opt { $$ = parse_loop(parser, AST_BUILD, @$, $1, LIST(@3, $3), $5, $6); }
       | builder FOR name IN source when_opt { $$ = parse_nest(parser, AST_BUILD, $1, @$, LIST(@3, $3), $5, $6); }
       ;

/* {x: a, Q2: b} */
record: LBRACE pairs RBRACE { $$ = parse_spread(parser, AST_RECORD, @$, NULL, $2); }
      ;

pairs: pair { $$ = LIST(@$, $1); }
     | pairs COMMA pair { $$ = APPEND($1, $3); }
     ;

pair: name COLON expr { $$ = PLAIN(NAMED, @$, @1, 1, $3); }
    ;

/* { let a = 1  let b = 2  a + b } */
block: LBRACE expr RBRACE { $$ = parse_block(parser, @$, LIST(@2, NULL), $2); }
     | LBRACE let_list expr RBRACE { $$ = parse_block(parser, @$, $2, $3); }
     | LBRACE let_list error RBRACE { $$ = POISON(@$); }
     | LBRACE error RBRACE { $$ = POISON(@$); }
     ;

let_list: let { $$ = LIST(@$, $1); }
        | let_list let { $$ = APPEND($1, $2); }
        | let_list error let { $$ = APPEND($1, $3); }
        | error let { $$ = LIST(@$, $2); }
        ;

let: LET name ASSIGN expr %prec END_OF_EXPR { $$ = NAMED(LET, @$, @2, $1, 2, $4, NULL); }
   | LET LBRACE names RBRACE ASSIGN expr %prec END_OF_EXPR { $$ = NODE(LET, @$, 2, $6, $3); }
   ;

/* draw Pair { y1 ~ sigma1 by method, y2 ~ sigma2 } */
draws: LBRACE draw_list RBRACE { $$ = $2; }
     | LBRACE error RBRACE { $$ = LIST(@$, POISON(@2)); }
     ;

draw_list: draw { $$ = LIST(@$, $1); }
         | draw_list COMMA draw { $$ = APPEND($1, $3); }
         ;

draw: name TILDE postfix { $$ = PLAIN(DRAW_FIELD, @$, @1, 2, $3, NULL); }
    | name TILDE postfix BY expr { $$ = PLAIN(DRAW_FIELD, @$, @1, 2, $3, $5); }
    ;

%%

/* the tables between the tokens of tokens.def and Bison's numbers for them */
static const int TOKEN_OF_KIND[] = {
#define TOK_BAD TOK_GRAMMAR_error
#define TOKEN(kind, text, role, soft) TOK_##kind,
#include "lang/tokens.def"
#undef TOKEN
#undef TOK_BAD
};

static const TokenKind KIND_OF_SYMBOL[YYNTOKENS] = {
#define YYSYMBOL_BAD YYSYMBOL_YYerror
#define TOKEN(kind, text, role, soft) [YYSYMBOL_##kind] = TOKEN_##kind,
#include "lang/tokens.def"
#undef TOKEN
#undef YYSYMBOL_BAD
};

static int yylex(YYSTYPE *value, Span *span, Parser *parser) {
    if (parser->ended) return TOK_YYEOF;
    Token token = parse_token(parser);
    value->token = token;
    *span = token.span;
    return TOKEN_OF_KIND[token.kind];
}

static int yyreport_syntax_error(const yypcontext_t *context, Parser *parser) {
    yysymbol_kind_t symbols[YYNTOKENS];
    TokenKind expected[YYNTOKENS];
    int count = yypcontext_expected_tokens(context, symbols, YYNTOKENS);
    for (int i = 0; i < count; i++) expected[i] = KIND_OF_SYMBOL[symbols[i]];
    parse_report(parser, expected, count > 0 ? count : 0);
    return 0;
}

/* Bison calls this only when its stack would grow beyond YYMAXDEPTH. */
static void yyerror(const Span *span, Parser *parser, const char *text) { parse_too_deep(parser, *span); }
