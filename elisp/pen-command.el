;;; pen-command.el --- A command for each prompt definition -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The definition "Reply like one of us", whose prompt has two variables, is the
;; command `pf-reply-like-one-of-us/2'.  What it does with the answer is the definition's matter:
;; replace the region (after a review), continue the text at point, insert, or
;; show it in a buffer.  From Lisp it waits and returns text:
;;
;;   (pf-pun-speak/1 "My boots are wet.")                       ; the first candidate
;;   (pf-pun-speak/1 "My boots are wet." :no-select-result t)   ; all of them
;;
;; The commands are there before the service runs: what it said last is kept in
;; a file.  `pen-generate-prompt-functions' reads the definitions again.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-figure)
(require 'pen-plist)
(require 'pen-rpc-error)
(require 'pen-rpc-methods)
(require 'pen-prompt)
(require 'pen-argument)
(require 'pen-request)
(require 'pen-read)
(require 'pen-context)
(require 'pen-preview)
(require 'pen-complete)
(require 'pen-filter)
(require 'pen-result)

;;;; Customization

(defcustom pen-prompt-function-prefix "pf-"
  "What the names of the commands begin with that are made of definitions.
A change counts when `pen-generate-prompt-functions' runs."
  :type 'string
  :group 'pen)

;;;; Internal variables

(defvar pen-prompt-functions nil
  "The commands made of prompt definitions, sorted.")

(defconst pen-command-keys
  '(:no-select-result :include-prompt :n :model :temperature :max-tokens :seed :stop
                      :long :without-filters :deadline :project)
  "Keys that a command made of a definition takes after its variables.")

;;;; Functions: names and documentation

(defun pen-command-names (definition)
  "Return the names of the commands of DEFINITION, its own first."
  (mapcar (lambda (name)
            (format "%s%s/%d" pen-prompt-function-prefix name (plist-get definition :arity)))
          (cons (plist-get definition :slug)
                (mapcar #'pen-command--slug (plist-get definition :aliases)))))

(defun pen-command--slug (text)
  "Return TEXT as names have it: small letters and digits between dashes."
  (string-trim (replace-regexp-in-string "[^a-z0-9]+" "-" (downcase text)) "-+" "-+"))

(defun pen-command--documentation (definition name)
  "Return the docstring of the command NAME of DEFINITION."
  (let ((inputs (pen-prompt-inputs definition))
        (description (or (plist-get definition :description) "")))
    (concat
     (pen-command--quoted
      (concat
       (plist-get definition :title)
       (and (not (string-empty-p description)) (concat ": " description))
       "\n\n"
       (mapconcat #'pen-command--about inputs "\n")
       (and inputs "\n\n")
       (unless (equal name (car (pen-command-names definition)))
         (format "This is another name of %s.\n\n" (car (pen-command-names definition))))
       (and (plist-get definition :refused)
            "It has filters that pen does not run: it runs with :without-filters t, or after a question.\n\n")))
     "From Lisp, wait for the answer and return the first candidate, or with
:no-select-result t the list of all; with :include-prompt t each has the
text that the model read before it.  The other keys are as in `pen-complete'.

"
     (pen-command--quoted (format "Defined in %s." (or (plist-get definition :path) "pen")))
     (format "\n\n(fn %s)"
             (string-join (append (mapcar (lambda (each)
                                            (upcase (pen-command--argument each)))
                                          inputs)
                                  '("&key NO-SELECT-RESULT INCLUDE-PROMPT N MODEL TEMPERATURE MAX-TOKENS SEED STOP LONG WITHOUT-FILTERS DEADLINE"))
                          " ")))))

(defun pen-command--argument (variable)
  "Return the name of VARIABLE as that of an argument."
  (let ((name (pen-command--slug (plist-get variable :name))))
    (if (string-empty-p name) "text" name)))

(defun pen-command--about (variable)
  "Return a line about VARIABLE for a docstring."
  (let ((description (or (plist-get variable :description) ""))
        (example (plist-get variable :example)))
    (concat (upcase (pen-command--argument variable))
            (format " (%s)" (plist-get variable :type))
            (unless (string-empty-p description) (concat ": " description))
            (and example (format "; for example %S" example)))))

(defun pen-command--quoted (text)
  "Return TEXT quoted for a docstring."
  (replace-regexp-in-string "[\\`']" "\\\\=\\&" text))

;;;; Functions: defining

(defun pen-command-define (definitions)
  "Define the commands of DEFINITIONS, drop those that vanished, return all.
A title's name goes before another definition's alias."
  (let ((taken (make-hash-table :test #'equal)) (made nil))
    (dolist (rank '(own other))
      (dolist (definition definitions)
        (unless (plist-get definition :in-development)
          (dolist (name (if (eq rank 'own)
                            (list (car (pen-command-names definition)))
                          (cdr (pen-command-names definition))))
            (unless (or (gethash name taken) (pen-command--foreign-p name))
              (puthash name t taken)
              (push (pen-command--define-one name definition) made))))))
    (dolist (old pen-prompt-functions)
      (unless (gethash (symbol-name old) taken)
        (fmakunbound old)))
    (setq pen-prompt-functions (sort made #'string<))))

(defun pen-command--foreign-p (name)
  "Return non-nil if NAME is a function that was not made of a definition."
  (let ((symbol (intern-soft name)))
    (and symbol (fboundp symbol)
         (not (memq symbol pen-prompt-functions))
         (not (get symbol 'pen-prompt)))))

(defun pen-command--define-one (name definition)
  "Define the command NAME of DEFINITION and return its symbol.
In a project that has another definition of that name, it still runs this one.
Its name is a constant in what is evaluated: in Emacs 28 an
interactive form that is compiled does not see the variables around it."
  (let* ((symbol (intern name))
         (slug (plist-get definition :slug))
         (arguments (cl-loop for index from 1 to (plist-get definition :arity)
                             collect (intern (format "value-%d" index)))))
    (put symbol 'pen-prompt slug)
    (eval `(defalias ',symbol
             (lambda (,@arguments &rest keys)
               ,(pen-command--documentation definition name)
               (interactive (pen-command-read ,slug nil :null))
               (pen-command-run ,slug (list ,@arguments) (append keys '(:project :null)))))
          t)
    symbol))

(defun pen-command-learn (catalogue)
  "Define the commands of CATALOGUE, the answer of the service.
Return their symbols; signal an error if one name means two files."
  (let ((definitions (plist-get catalogue :definitions))
        (broken (plist-get catalogue :broken)))
    (pen-command-define definitions)
    (pen-prompt-learn definitions (mapcar #'pen-command--entry pen-prompt-functions))
    (dolist (each broken)
      (pen-rpc-log "%s" (pen-rpc-sentence each)))
    (when-let ((clash (seq-find (lambda (each) (equal (plist-get each :id) "slug-clash"))
                                broken)))
      (pen-rpc-signal (append '(:kind prompt) clash)))
    pen-prompt-functions))

(defun pen-command--entry (symbol)
  "Return the name of the command SYMBOL and the first line of its docstring."
  (cons (symbol-name symbol) (car (split-string (documentation symbol) "\n"))))

(defun pen-command--tell (catalogue)
  "Define the commands of CATALOGUE and say how many there are."
  (condition-case err
      (let ((count (length (pen-command-learn catalogue)))
            (broken (plist-get catalogue :broken)))
        (message "%s of prompt definitions%s" (pen-figure-count count "command")
                 (if broken
                     (format "; %s" (pen-rpc-sentence (car broken)))
                   "")))
    (pen-error (message "%s" (pen-rpc-sentence (pen-rpc-error-plist err))))))

;;;; Functions: running from Lisp

(defun pen-command-run (slug args keys)
  "Run the definition SLUG with ARGS and KEYS, those of a `pf-' command.
With the key :show its value is the definition: show what it writes."
  (let ((bad (cl-loop for (key) on keys by #'cddr
                      unless (or (eq key :show) (memq key pen-command-keys))
                      return key)))
    (when bad
      (pen-rpc-signal
       (list :kind 'bad-params
             :message (format "There is no key %s; there are %s." bad
                              (mapconcat #'symbol-name pen-command-keys " "))))))
  (if (plist-get keys :show)
      (pen-command--show (plist-get keys :show) args keys)
    (pen-command--wait slug args keys)))

(defun pen-command--wait (slug args keys)
  "Run SLUG with ARGS and KEYS, wait, and return the text, or the texts."
  (let* ((result (apply #'pen-complete-result slug args keys))
         (before (if (plist-get keys :include-prompt) (plist-get result :prompt) ""))
         (texts (mapcar (lambda (text) (concat before text)) (pen-request-texts result))))
    (if (plist-get keys :no-select-result)
        texts
      (car texts))))

;;;; Functions: running by a person

(defun pen-command-read (name &optional use project)
  "Return the arguments for the definition NAME, from a person.
USE is what to do with the answer, by default that of the definition.
PROJECT is as in `pen-prompt-list'."
  (let* ((definition (pen-rpc-for-person #'pen-prompt-lookup name project))
         (use (or use (plist-get definition :use)))
         (definition (plist-put (copy-sequence definition) :use use)))
    (pcase use
      ('filter (unless (use-region-p)
                 (user-error "No region is marked; mark the text that \"%s\" is to rewrite" name))
               (pen-filter-check (region-beginning) (region-end))
               (unless (pen-prompt-inputs definition)
                 (user-error "The prompt \"%s\" takes no text, so it cannot rewrite any" name)))
      ((or 'point 'insertion) (pen-preview-check-buffer)))
    (append (pen-argument-read-all definition (pen-command--first definition use))
            (list :show definition)
            (pen-command--raw definition))))

(defun pen-command--first (definition use)
  "Return the text of the first variable of DEFINITION if USE gives one, or nil."
  (when (and (eq use 'point) (pen-prompt-inputs definition))
    (let ((text (pen-context-text (pen-context-make))))
      (and (not (string-blank-p text)) text))))

(defun pen-command--raw (definition)
  "Ask whether to run DEFINITION without its filters if pen cannot run them."
  (when (plist-get definition :refused)
    (if (y-or-n-p (format "\"%s\" has filters that pen does not run; run it without them? "
                          (plist-get definition :slug)))
        (list :without-filters t)
      (user-error "Not run; write the filters of %s as built-in ones, or run it without"
                  (abbreviate-file-name (or (plist-get definition :path) "it"))))))

(defun pen-command--show (definition args keys)
  "Run DEFINITION with ARGS and KEYS, and show the answer by its :use."
  (let ((values (pen-prompt-values definition args))
        (options (pen-org-arguments
                  (pen-plist-without keys '(:show))
                  '(:model :temperature :max-tokens :stop))))
    (pcase (plist-get definition :use)
      ('filter (pen-filter-start (region-beginning) (region-end) definition values options))
      ('point (let ((context (pen-context-make)))
                (setf (pen-context-items context)
                      (and (pen-prompt-inputs definition)
                           (pen-prompt-list-p (car (pen-prompt-inputs definition)))))
                (pen-complete-at context (plist-get definition :slug) options values)))
      ('insertion (pen-complete-at (pen-context-plain) (plist-get definition :slug)
                                   options values))
      (_ (pen-result-start definition values options)))))

;;;; Commands

;;;###autoload
(defun pen-generate-prompt-functions (&optional later)
  "Read the prompt definitions again and define a command for each.
Commands whose definition vanished are dropped.  Return the symbols of
all; with LATER, as for a person, do not wait for the service."
  (interactive (list t))
  (if later
      (progn (pen-rpc-prompts-catalogue
              :project :null
              :then #'pen-command--tell)
             nil)
    (pen-command-learn (pen-rpc-prompts-catalogue :project :null))))

;;;###autoload
(defun pen-run-prompt-function (name &optional args &rest keys)
  "Run the prompt definition NAME, as its own command does.
From Lisp, ARGS are the values of its variables, and KEYS those of
`pen-complete' and of the command; wait and return what the command would.

\(fn NAME ARGS &key NO-SELECT-RESULT INCLUDE-PROMPT &allow-other-keys)"
  (interactive (pen-command--read-any nil))
  (pen-command-run name args keys))

;;;###autoload
(defun pen-filter-with-prompt-function (name &optional args &rest keys)
  "Have the prompt definition NAME write the region anew, and review that.
From Lisp do the same as `pen-run-prompt-function' with ARGS and KEYS.

\(fn NAME ARGS &key NO-SELECT-RESULT INCLUDE-PROMPT &allow-other-keys)"
  (interactive (progn (unless (use-region-p)
                        (user-error "No region is marked; mark the text that is to be rewritten"))
                      (pen-command--read-any 'filter)))
  (pen-command-run name args keys))

(defun pen-command--read-any (use)
  "Ask for a definition and its arguments for `interactive'.
USE is as in `pen-command-read'."
  (let* ((name (pen-read-prompt-name nil))
         (read (progn (when (string-empty-p name)
                        (user-error "No prompt definition was named"))
                      (pen-command-read name use)))
         (keys (memq :show read)))
    (append (list name (butlast read (length keys))) keys)))

(pen-command-define (pen-prompt-known))

(provide 'pen-command)
;;; pen-command.el ends here
