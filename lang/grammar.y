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

%token <token> END NAME NUMBER STRING
%token <token> USE SIZE CONST PARAM OPTION FUN QCF DENSITY EVENT DATA NETWORK LAYER FIT
%token <token> VECTORS EVENTS GENERATE LET MINIMIZE MONITOR STOP
%token <token> WEIGHT PARAMS START TRUTH IN FROM BY OVER USING EVERY SHARED AFTER STEPS FOR ALL BATCH OF
%token <token> IF THEN ELSE DRAW NOT AND OR
%token <token> PIPE LESS LESS_EQUAL GREATER GREATER_EQUAL EQUAL NOT_EQUAL PLUS MINUS STAR SLASH AT CARET DOT
%token <token> DOTDOT COMMA COLON ASSIGN TILDE ARROW
%token <token> LPAREN LBRACK LBRACE LINE_LPAREN LINE_LBRACK LINE_MINUS RPAREN RBRACK RBRACE

%type <path> path
%type <node> declaration expr postfix call_or_name call args_opt args arg source list_opt list array name
%type <node> interval start_opt truth_opt parameters parameter_list parameter parameter_dims parameter_type shape_opt
%type <node> ranges ranges_list range fields_opt layer_items weight weight_dims items item names every_opt shared_opt
%type <node> lets let block draws draw_list draw

/* lowest first; END_OF_EXPR stands for "the expression is complete" */
%precedence END_OF_EXPR
%precedence IF_ELSE
%precedence PIPE
%left OR
%left AND
%precedence NOT
%nonassoc LESS LESS_EQUAL GREATER GREATER_EQUAL EQUAL NOT_EQUAL
%left PLUS MINUS
%left STAR SLASH AT
%precedence UNARY_MINUS
%right CARET
%precedence LPAREN LBRACK

%%

module: declarations END
      | declarations error END
      ;

declarations: %empty
            | declarations declaration { APPEND(parser->module, $2); }
            | declarations error declaration { APPEND(parser->module, POISON(@2)); APPEND(parser->module, $3); }
            ;

declaration: USE path
             { $$ = NODE(USE, @$, 0); $$->name = $2; $$->name_span = @2; }
           | SIZE name ASSIGN expr { $$ = NAMED(SIZE, @$, @2, $1, 1, $4); }
           | CONST name ASSIGN expr { $$ = NAMED(CONST, @$, @2, $1, 1, $4); }
           | PARAM name IN interval start_opt truth_opt
             { $$ = NAMED(PARAM, @$, @2, $1, 4, $4->kids[0], $4->kids[1], $5, $6); }
           | OPTION name ASSIGN expr { $$ = NAMED(OPTION, @$, @2, $1, 1, $4); }
           | OPTION name ASSIGN expr STRING { $$ = NAMED(OPTION, @$, @2, $1, 1, $4); $$->text = $5.text; }
           | FUN name parameters shape_opt ASSIGN expr { $$ = NAMED(FUN, @$, @2, $1, 3, $3, $4, $6); }
           | QCF name parameters ASSIGN expr { $$ = NAMED(QCF, @$, @2, $1, 2, $3, $5); }
           | DENSITY name ranges ASSIGN expr { $$ = NAMED(DENSITY, @$, @2, $1, 2, $3, $5); }
           | EVENT name LBRACE fields_opt RBRACE { $$ = NAMED(EVENT, @$, @2, $1, 1, $4); }
           | EVENT name LBRACE error RBRACE { $$ = POISON(@$); }
           | DATA name COLON name FROM STRING { $$ = NAMED(DATA, @$, @2, $1, 1, $4); $$->text = $6.text; }
           | NETWORK name parameters shape_opt ASSIGN expr { $$ = NAMED(NETWORK, @$, @2, $1, 3, $3, $4, $6); }
           | LAYER name parameters shape_opt ASSIGN expr
             { $$ = NAMED(LAYER, @$, @2, $1, 4, $3, $4, LIST(@5, NULL), $6); }
           | LAYER name parameters shape_opt LBRACE layer_items expr RBRACE
             { $$ = parse_layer(parser, @$, @2, &$1, $3, $4, $6, $7); }
           | LAYER name parameters shape_opt LBRACE layer_items error RBRACE { $$ = POISON(@$); }
           | FIT name LBRACE items RBRACE { $$ = NAMED(FIT, @$, @2, $1, 1, $4); }
           | FIT name LBRACE items error RBRACE
             { $$ = NAMED(FIT, @$, @2, $1, 1, APPEND($4, POISON(@5))); }
           ;

/* a word that is not a keyword here */
name: word { $$ = PLAIN(NAME, @$, @1, 0); }
    ;

word: NAME | SIZE | OPTION | EVENT | DATA | VECTORS | EVENTS | PARAMS | START | TRUTH | FROM | BY | OVER | USING | EVERY
    | SHARED | AFTER | STEPS | OF | STOP
    ;

path: name { $$ = $1->name; }
    | path DOT name { $$ = parse_path(parser, $1, @3); }
    ;

/* param N in (low, high) start value truth value */
interval: LPAREN expr COMMA expr RPAREN { $$ = APPEND(LIST(@$, $2), $4); }
        | LPAREN error RPAREN { $$ = APPEND(LIST(@$, POISON(@2)), POISON(@2)); }
        ;

start_opt: %empty { $$ = NULL; }
         | START expr { $$ = $2; }
         ;

truth_opt: %empty { $$ = NULL; }
         | TRUTH expr { $$ = $2; }
         ;

/* (x, w[m, n], e : Event) */
parameters: LPAREN RPAREN { $$ = LIST(@$, NULL); }
          | LPAREN parameter_list RPAREN { $$ = $2; $$->span = @$; }
          | LPAREN error RPAREN { $$ = LIST(@$, POISON(@2)); }
          ;

parameter_list: parameter { $$ = LIST(@$, $1); }
              | parameter_list COMMA parameter { $$ = APPEND($1, $3); }
              ;

parameter: name parameter_dims parameter_type { $$ = PLAIN(ARG, @$, @1, 2, $2, $3); }
         ;

parameter_dims: %empty { $$ = NULL; }
              | LBRACK list RBRACK { $$ = $2; }
              | LBRACK error RBRACK { $$ = LIST(@$, POISON(@2)); }
              ;

parameter_type: %empty { $$ = NULL; }
              | COLON name { $$ = $2; }
              ;

shape_opt: %empty { $$ = NULL; }
         | ARROW name { $$ = parse_real(parser, @2); }
         | ARROW LBRACK list RBRACK { $$ = parse_spread(parser, AST_SHAPE, @2, NULL, $3); }
         | ARROW LBRACK error RBRACK { $$ = POISON(@2); }
         ;

/* (x in 0.1 .. 1, y in 0 .. 2) */
ranges: LPAREN ranges_list RPAREN { $$ = $2; }
      | LPAREN error RPAREN { $$ = LIST(@$, POISON(@2)); }
      ;

ranges_list: range { $$ = LIST(@$, $1); }
           | ranges_list COMMA range { $$ = APPEND($1, $3); }
           ;

range: name IN expr DOTDOT expr { $$ = PLAIN(VARIABLE, @$, @1, 2, $3, $5); }
     ;

fields_opt: %empty { $$ = LIST(@$, NULL); }
          | fields_opt range { $$ = APPEND($1, $2); }
          ;

layer_items: %empty { $$ = LIST(@$, NULL); }
           | layer_items weight { $$ = APPEND($1, $2); }
           | layer_items let { $$ = APPEND($1, $2); }
           | layer_items error weight { $$ = APPEND($1, $3); }
           | layer_items error let { $$ = APPEND($1, $3); }
           ;

weight: WEIGHT name weight_dims TILDE expr %prec END_OF_EXPR
        { $$ = NAMED(WEIGHT, @$, @2, $1, 2, $3, $5); $$->flag = true; }
      | WEIGHT name weight_dims ASSIGN expr %prec END_OF_EXPR { $$ = NAMED(WEIGHT, @$, @2, $1, 2, $3, $5); }
      ;

weight_dims: %empty { $$ = LIST(@$, NULL); }
           | LBRACK list RBRACK { $$ = $2; }
           | LBRACK error RBRACK { $$ = LIST(@$, POISON(@2)); }
           ;

/* items of a fit */
items: %empty { $$ = LIST(@$, NULL); }
     | items item { $$ = APPEND($1, $2); }
     | items error item { $$ = APPEND(APPEND($1, POISON(@2)), $3); }
     ;

item: VECTORS expr { $$ = NODE(VECTORS, @$, 1, $2); }
    | EVENTS expr { $$ = NODE(EVENTS, @$, 1, $2); }
    | GENERATE PARAMS BY expr FROM expr { $$ = NODE(GENERATE, @$, 2, $4, $6); }
    | LET name ASSIGN expr { $$ = NAMED(LET, @$, @2, $1, 1, $4); }
    | MINIMIZE expr OVER names USING call_or_name every_opt shared_opt { $$ = NODE(MINIMIZE, @$, 5, $2, $4, $6, $7, $8); }
    | MONITOR name ASSIGN expr { $$ = NAMED(MONITOR, @$, @2, $1, 1, $4); }
    | STOP AFTER expr STEPS { $$ = NODE(STOP, @$, 1, $3); }
    ;

names: name { $$ = LIST(@$, $1); }
     | names COMMA name { $$ = APPEND($1, $3); }
     ;

every_opt: %empty { $$ = NULL; }
         | EVERY expr { $$ = $2; }
         ;

shared_opt: %empty { $$ = NULL; }
          | SHARED BY call_or_name { $$ = $3; }
          ;

/* expressions */
expr: postfix %prec END_OF_EXPR
    | IF expr THEN expr ELSE expr %prec IF_ELSE { $$ = NODE(IF, @$, 3, $2, $4, $6); }
    | expr PIPE call_or_name { $$ = NODE(PIPE, @$, 2, $1, $3); }
    | expr OR expr { $$ = BINARY(OR, @$, $1, $3); }
    | expr AND expr { $$ = BINARY(AND, @$, $1, $3); }
    | NOT expr { $$ = parse_unary(parser, AST_NOT, @$, $2); }
    | expr LESS expr { $$ = BINARY(LT, @$, $1, $3); }
    | expr LESS_EQUAL expr { $$ = BINARY(LE, @$, $1, $3); }
    | expr GREATER expr { $$ = BINARY(GT, @$, $1, $3); }
    | expr GREATER_EQUAL expr { $$ = BINARY(GE, @$, $1, $3); }
    | expr EQUAL expr { $$ = BINARY(EQ, @$, $1, $3); }
    | expr NOT_EQUAL expr { $$ = BINARY(NE, @$, $1, $3); }
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
       | call_or_name
       | LPAREN expr RPAREN { $$ = $2; }
       | LINE_LPAREN expr RPAREN { $$ = $2; }
       | LPAREN error RPAREN { $$ = POISON(@$); }
       | LINE_LPAREN error RPAREN { $$ = POISON(@$); }
       | array
       | block
       | DRAW name draws { $$ = NODE(DRAW, @$, 2, $2, $3); }
       | postfix LBRACK list RBRACK { $$ = parse_spread(parser, AST_INDEX, @$, $1, $3); }
       | postfix LBRACK error RBRACK { $$ = POISON(@$); }
       | postfix DOT name { $$ = PLAIN(FIELD, @$, @3, 1, $1); }
       ;

call_or_name: name %prec END_OF_EXPR
            | call
            ;

call: name LPAREN args_opt RPAREN { $$ = parse_spread(parser, AST_CALL, @$, $1, $3); }
    | name LPAREN error RPAREN { $$ = POISON(@$); }
    ;

args_opt: %empty { $$ = LIST(@$, NULL); }
        | args
        ;

args: arg { $$ = LIST(@$, $1); }
    | args COMMA arg { $$ = APPEND($1, $3); }
    ;

arg: expr
   | name ASSIGN expr { $$ = PLAIN(NAMED, @$, @1, 1, $3); }
   | expr FOR name IN source { $$ = PLAIN(COMPREHEND, @$, @3, 2, $1, $5); }
   ;

source: expr
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
     | LBRACK error RBRACK { $$ = POISON(@$); }
     | LINE_LBRACK error RBRACK { $$ = POISON(@$); }
     ;

/* { let a = 1  let b = 2  a + b } */
block: LBRACE lets expr RBRACE { $$ = parse_block(parser, @$, $2, $3); }
     | LBRACE lets error RBRACE { $$ = POISON(@$); }
     ;

lets: %empty { $$ = LIST(@$, NULL); }
    | lets let { $$ = APPEND($1, $2); }
    | lets error let { $$ = APPEND($1, $3); }
    ;

let: LET name ASSIGN expr %prec END_OF_EXPR { $$ = NAMED(LET, @$, @2, $1, 1, $4); }
   ;

/* draw Pair { y1 ~ sigma1 by method, y2 ~ sigma2 } */
draws: LBRACE draw_list RBRACE { $$ = $2; }
     | LBRACE error RBRACE { $$ = LIST(@$, POISON(@2)); }
     ;

draw_list: draw { $$ = LIST(@$, $1); }
         | draw_list COMMA draw { $$ = APPEND($1, $3); }
         ;

draw: name TILDE name { $$ = PLAIN(DRAW_FIELD, @$, @1, 2, $3, NULL); }
    | name TILDE name BY expr { $$ = PLAIN(DRAW_FIELD, @$, @1, 2, $3, $5); }
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
