;;; pen-command-test.el --- Commands made of definitions -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-fixture)
(require 'pen-command)
(require 'pen-last-prompt)

(declare-function pf-list-of/2 "pen-command")
(declare-function pf-neat/2 "pen-command")
(declare-function pf-old/1 "pen-command")

(defmacro pen-command-test-with (events &rest body)
  "Run BODY with the commands of the fixture's definitions, answered by EVENTS."
  (declare (indent 1) (debug t))
  `(pen-fixture-with ,events
     (unwind-protect
         (progn (pen-command-define pen-fixture-definitions)
                ,@body)
       (pen-command-define nil))))

;;;; Which commands there are

(ert-deftest pen-command-test-names-come-from-titles-aliases-and-arity ()
  (pen-command-test-with nil
    (should (equal pen-prompt-functions
                   '(pf-greet/0 pf-list-of/2 pf-neat/2 pf-old/1 pf-pun-complete/1 pf-tidy/2)))
    (should (cl-every #'commandp pen-prompt-functions))
    (let ((pen-prompt-function-prefix "my-"))
      (pen-command-define pen-fixture-definitions)
      (should (commandp 'my-list-of/2))
      (should-not (fboundp 'pf-list-of/2)))))

(ert-deftest pen-command-test-docstring-says-what-where-and-how ()
  (pen-command-test-with nil
    (let ((text (documentation 'pf-list-of/2)))
      (dolist (part '("List of: A list.\n" "N (int); for example \"5\"" "Defined in /prompts/list-of.yaml."
                      "(fn N THINGS &key NO-SELECT-RESULT INCLUDE-PROMPT"))
        (should (string-match-p (regexp-quote part) text))))
    (should (string-match-p "another name of pf-tidy/2" (documentation 'pf-neat/2)))
    (should (string-match-p "filters that pen does not run" (documentation 'pf-old/1)))))

(ert-deftest pen-command-test-docstring-shows-quotes-and-keys-as-they-are ()
  (let ((text "Say \\[save-buffer] and `this' it's"))
    (pen-fixture-with nil
      (unwind-protect
          (progn (pen-command-define `((:slug "q" :title ,text :arity 0)))
                 (should (string-prefix-p text (documentation 'pf-q/0))))
        (pen-command-define nil)))))

(ert-deftest pen-command-test-reading-again-drops-what-vanished ()
  (pen-command-test-with nil
    (setf (cdr (assoc "prompts-catalogue" pen-rpc-fake--table))
          (list 'value (list :definitions (cl-subseq pen-fixture-definitions 0 1) :broken nil)))
    (should (equal (pen-generate-prompt-functions) '(pf-pun-complete/1)))
    (should-not (fboundp 'pf-list-of/2))
    (should-not (fboundp 'pf-neat/2))))

(ert-deftest pen-command-test-two-files-with-one-name-are-an-error-that-names-both ()
  (pen-command-test-with nil
    (setf (cdr (assoc "prompts-catalogue" pen-rpc-fake--table))
          `(value (:definitions ,pen-fixture-definitions
                   :broken ((:id "slug-clash" :level error :where "/prompts/a.yaml:2:1"
                             :message "a.yaml and b.yaml would both be the command 'x'"
                             :hint "give them different titles")))))
    (let ((err (should-error (pen-generate-prompt-functions) :type 'pen-prompt-error)))
      (should (string-match-p "a.yaml and b.yaml would both" (cadr err))))
    (should (commandp 'pf-tidy/2))
    (let ((said (pen-fixture-said (pen-generate-prompt-functions t)
                                  (pen-rpc-fake-settle))))
      (should (string-match-p "a.yaml and b.yaml.*give them different titles" said)))))

(ert-deftest pen-command-test-a-title-goes-before-an-alias-and-no-function-is-redefined ()
  (pen-fixture-with nil
    (unwind-protect
        (progn
          (defalias 'pf-taken/0 #'ignore)
          (pen-command-define '((:slug "a" :title "A" :arity 0 :aliases ("b"))
                                (:slug "b" :title "B" :arity 0)
                                (:slug "taken" :title "T" :arity 0)))
          (should (equal pen-prompt-functions '(pf-a/0 pf-b/0)))
          (should (equal (get 'pf-b/0 'pen-prompt) "b"))
          (should (eq (symbol-function 'pf-taken/0) 'ignore)))
      (fmakunbound 'pf-taken/0)
      (pen-command-define nil))))

(ert-deftest pen-command-test-commands-are-there-before-the-service-runs ()
  (pen-command-test-with nil
    (pen-generate-prompt-functions)
    (with-temp-buffer
      (call-process (expand-file-name invocation-name invocation-directory) nil t nil
                    "-Q" "--batch" "-L" (file-name-directory (locate-library "pen"))
                    "--eval" (format "(setq user-emacs-directory %S)" user-emacs-directory)
                    "-l" "pen" "--eval"
                    "(princ (list (commandp 'pf-neat/2) (featurep 'pen-command) (cadr (help-split-fundoc (documentation 'pf-neat/2) nil)) (autoload-do-load (symbol-function 'pf-neat/2) 'pf-neat/2) (process-list)))")
      (should (string-prefix-p "(t nil " (buffer-string)))
      (should (string-match-p "pen-command-run tidy" (buffer-string)))
      (should (string-suffix-p "nil)" (buffer-string))))))

(ert-deftest pen-command-test-instead-of-a-file-that-cannot-be-read-what-comes-with-pen-is-known ()
  (pen-fixture-with nil
    (make-directory (expand-file-name "pen" user-emacs-directory))
    (dolist (text '("" "(" "(99 . nil) nil" "#<buffer x>"))
      (with-temp-file (pen-prompt-file) (insert text))
      (let ((pen-prompt--known 'unread))
        (should (pen-prompt-find "pun-complete" (pen-prompt-known)))))))

(ert-deftest pen-command-test-92-definitions-are-commands-in-no-time ()
  (let ((many (cl-loop for index below 92
                       collect (list :slug (format "many-%d" index) :title "Many" :arity 2
                                     :variables '((:name "a" :type "string")
                                                  (:name "b" :type "string"))))))
    (pen-fixture-with nil
      (unwind-protect
          (pen-fixture-quickest 0.5 (lambda ()
                                      (pen-command-define nil)
                                      (pen-fixture-time #'pen-command-define many)))
        (pen-command-define nil)))))

;;;; From Lisp

(ert-deftest pen-command-test-lisp-gets-the-first-candidate-or-all ()
  (pen-command-test-with (list (pen-fixture-done "one" "two"))
    (should (equal (pf-list-of/2 5 "cats") "one"))
    (should (equal (pf-list-of/2 5 "cats" :no-select-result t) '("one" "two")))
    (should (equal (pf-list-of/2 5 "cats" :include-prompt t) "PROMPT\none"))
    (should (equal (pen-run-prompt-function "list-of" '(5 "cats") :no-select-result t)
                   '("one" "two")))
    (should (equal (pen-filter-with-prompt-function "neat" '("x" nil)) "one"))))

(ert-deftest pen-command-test-values-cross-as-text-and-nil-is-the-default ()
  (pen-command-test-with (list (pen-fixture-done "one"))
    (pf-list-of/2 5 '("a" "b") :n 1 :temperature 0.1 :stop '("X"))
    (should (equal (pen-rpc-fake-last "completions-start")
                   '(:prompt "list-of" :values (("n" "5") ("things" "a\nb"))
                             :n 1 :temperature 0.1 :stop ("X") :project :null)))
    (pf-neat/2 "x" nil)
    (should (equal (plist-get (pen-rpc-fake-last "completions-start") :values) '(("text" "x"))))))

(ert-deftest pen-command-test-a-wrong-key-is-named ()
  (pen-command-test-with nil
    (let ((err (should-error (pf-list-of/2 5 "cats" :no-select t) :type 'pen-bad-params-error)))
      (should (string-match-p "no key :no-select; there are :no-select-result" (cadr err))))))

(ert-deftest pen-command-test-options-that-force-win ()
  (pen-command-test-with (list (pen-fixture-done "one"))
    (let ((pen-force-temperature 0) (pen-force-engine "big") (pen-force-few-completions 1)
          (pen-libre-only t))
      (pf-list-of/2 5 "cats" :model "small" :temperature 2 :n 9)
      (should (equal (cddddr (pen-rpc-fake-last "completions-start"))
                     '(:model "big" :n 1 :temperature 0 :libre-only t :project :null))))
    (let ((pen-force-few-completions 3))
      (pf-list-of/2 5 "cats")
      (should (equal (plist-get (pen-rpc-fake-last "completions-start") :n) 2)))))

(ert-deftest pen-command-test-what-was-asked-last-is-remembered ()
  (pen-command-test-with (list (pen-fixture-done "one" "two"))
    (pf-list-of/2 5 "cats" :temperature 0.5)
    (should (equal (pen-show-last-prompt)
                   '(:name "list-of" :project :null :values (("n" "5") ("things" "cats"))
                     :options (:temperature 0.5) :prompt "PROMPT\n" :stop ("END")
                     :model "ft:tiny:puns" :replies ("one" "two") :error nil)))
    (save-window-excursion
      (call-interactively #'pen-show-last-prompt)
      (with-current-buffer "*pen-last-prompt*"
        (should (string-match-p "Prompt\nPROMPT\n\nStops at\n\"END\"" (buffer-string)))
        (should (string-match-p "Reply 2\ntwo\n" (buffer-string)))
        (kill-buffer)))))

(ert-deftest pen-command-test-a-request-that-failed-is-remembered-with-its-error ()
  (pen-command-test-with (list '(error :kind refused :message "Not here." :hint "Go."))
    (should-error (pf-list-of/2 5 "cats") :type 'pen-refused-error)
    (should (equal (plist-get pen-last-prompt-data :error) "Not here. Go."))))

;;;; By a person

(ert-deftest pen-command-test-a-prompt-without-a-place-shows-a-buffer ()
  (pen-command-test-with (list (pen-fixture-done "one" "two"))
    (pen-fixture-in-buffer ""
      (let ((asked nil))
        (cl-letf (((symbol-function 'read-string)
                   (lambda (prompt _initial _history default &rest _)
                     (push (list prompt default) asked)
                     default)))
          (call-interactively 'pf-list-of/2))
        (should (equal asked '(("things (default cats): " "cats") ("n (default 5): " "5")))))
      (with-current-buffer "*pen list-of*"
        (pen-fixture-until (lambda () (string-match-p "two" (buffer-string))))
        (should (equal (substring-no-properties (buffer-string)) "1\none\n\n2\ntwo\n\n"))
        (goto-char (point-min))
        (pen-fixture-press "n")
        (pen-fixture-press "w")
        (should (equal (car kill-ring) "two"))
        (should (string-match-p "; ask\\|no other" (pen-fixture-said
                                                    (condition-case err
                                                        (pen-fixture-press "n")
                                                      (user-error (message "%s" (cadr err)))))))
        (kill-buffer)))))

(ert-deftest pen-command-test-an-insertion-is-previewed-and-plain ()
  (pen-command-test-with (list (pen-fixture-done "- one\n- two"))
    (pen-fixture-in-buffer "* x\n- a"
      (call-interactively 'pf-greet/0)
      (pen-fixture-until (lambda () (pen-preview-done pen-preview-current)))
      (should-not (buffer-modified-p))
      (pen-fixture-press "TAB")
      (should (equal (buffer-string) "* x\n- a- one\n- two")))))

(ert-deftest pen-command-test-completion-at-point-takes-the-text-before-it ()
  (pen-command-test-with (list (pen-fixture-done "three"))
    (pen-fixture-in-buffer "- one\n- two"
      (call-interactively 'pf-pun-complete/1)
      (pen-fixture-until (lambda () (pen-preview-done pen-preview-current)))
      (should (equal (plist-get (pen-rpc-fake-last "completions-start") :values)
                     '(("jokes" "one\ntwo"))))
      (pen-fixture-press "TAB")
      (should (equal (buffer-string) "- one\n- two\n- three")))))

(ert-deftest pen-command-test-a-choice-is-completed-with-its-default ()
  (pen-command-test-with (list (pen-fixture-done "neat"))
    (pen-fixture-in-buffer "some text"
      (pen-fixture-mark 1 5)
      (cl-letf (((symbol-function 'completing-read)
                 (lambda (prompt choices _p match _i _h default &rest _)
                   (should (equal (list prompt choices match default)
                                  '("tone (how) (default dry): " ("dry" "wet") t "dry")))
                   "wet")))
        (call-interactively 'pf-tidy/2))
      (pen-rpc-fake-settle)
      (should (equal (plist-get (pen-rpc-fake-last "completions-start") :values)
                     '(("text" "some") ("tone" "wet")))))))

(ert-deftest pen-command-test-what-is-no-definition-is-said-in-a-sentence ()
  (pen-command-test-with nil
    (push '("prompts-show" error not-found "There is no file '/x.yaml'." :hint "Name another.")
          pen-rpc-fake--table)
    (cl-letf (((symbol-function 'completing-read) (lambda (&rest _) "/x.yaml")))
      (should (equal (cadr (should-error (call-interactively #'pen-run-prompt-function)
                                         :type 'user-error))
                     "There is no file '/x.yaml'. Name another.")))))

(ert-deftest pen-command-test-refused-filters-are-asked-about ()
  (pen-command-test-with (list (pen-fixture-done "x"))
    (pen-fixture-in-buffer ""
      (cl-letf (((symbol-function 'read-string) (lambda (&rest _) "t"))
                ((symbol-function 'y-or-n-p) (lambda (_) nil)))
        (pen-fixture-refused (call-interactively 'pf-old/1))
        (should (equal (pen-rpc-fake-last "completions-start") 'none)))
      (cl-letf (((symbol-function 'read-string) (lambda (&rest _) "t"))
                ((symbol-function 'y-or-n-p) (lambda (_) t)))
        (call-interactively 'pf-old/1)
        (pen-rpc-fake-settle)
        (should (eq (plist-get (pen-rpc-fake-last "completions-start") :without-filters) t))
        (with-current-buffer "*pen old*"
          (should (string-match-p "without filters" (format "%s" header-line-format)))
          (kill-buffer))))))

(ert-deftest pen-command-test-definitions-are-completed-with-annotations ()
  (pen-command-test-with (list (pen-fixture-done "x"))
    (let (metadata names)
      (cl-letf (((symbol-function 'completing-read)
                 (lambda (_ table &rest _)
                   (setq metadata (cdr (funcall table "" nil 'metadata))
                         names (funcall table "" nil t))
                   "")))
        (pen-read-prompt-name nil))
      (should (eq (alist-get 'category metadata) 'pen-prompt))
      (should (member "list-of" names))
      (let ((rows (funcall (alist-get 'affixation-function metadata) '("old" "tidy"))))
        (should (equal (mapcar (lambda (row) (list (car row) (cadr row)
                                                   (string-trim (substring-no-properties (nth 2 row)))))
                               rows)
                       '(("old" "  " "/1  [refused: has filters that pen does not run] Has shell in it.")
                         ("tidy" "⇄ " "/2  Write it again."))))))))

(provide 'pen-command-test)
;;; pen-command-test.el ends here
