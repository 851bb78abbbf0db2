;;; pen-compare-test.el --- Two models side by side, on a service that is a table -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'pen-job-scene)
(require 'pen-compare)

(defconst pen-compare-test-definition
  '(:slug "p" :name "p" :arity 1 :variables ((:name "text" :example "x")))
  "A definition with one variable.")

(defun pen-compare-test-answer (text)
  "Return events that stream TEXT."
  `((delta :index 0 :text ,text)
    (done :reason finished :value (:candidates ((:text ,text)) :model "m"))))

(defmacro pen-compare-test-with (text &rest body)
  "Run BODY in a comparison where both models write TEXT."
  (declare (indent 1))
  `(pen-rpc-fake-with (list (append (list "completions-start" 'events)
                                    (pen-compare-test-answer ,text)))
     (save-window-excursion
       (with-current-buffer (pen-compare--show "p" '(("text" "x")) '("base-1" "ft:tuned-1"))
         (unwind-protect
             (progn (pen-fixture-until #'pen-compare-test-done-p) ,@body)
           (when (get-buffer "*pen-compare*")
             (kill-buffer "*pen-compare*"))
           (pen-rpc-fake-settle 0.02))))))

(defun pen-compare-test-done-p ()
  "Return non-nil when the newest round has ended and is drawn."
  (and (= 2 (pen-compare-round-ended (car pen-compare--rounds)))
       (null (pen-redraw-timer pen-redraw-here))))

(defun pen-compare-test-requests (key)
  "Return what was asked under KEY, oldest first."
  (reverse (cl-loop for (method . plist) in pen-rpc-fake-calls
                    when (equal method "completions-start")
                    collect (plist-get plist key))))

(defun pen-compare-test-vote (key)
  "Press KEY, a character."
  (let ((last-command-event key))
    (pen-fixture-press (string key))))

(ert-deftest pen-compare-test-both-get-the-same-prompt-and-seed ()
  (pen-compare-test-with "ha"
    (should (equal (pen-compare-test-requests :model) '("base-1" "ft:tuned-1")))
    (should (equal (pen-compare-test-requests :seed) '(1 1)))
    (should (equal (pen-compare-test-requests :values) '((("text" "x")) (("text" "x")))))))

(ert-deftest pen-compare-test-stands-side-by-side ()
  (pen-compare-test-with "one two\nthree"
    (pen-job-scene-matches "^base: base-1 +│ tuned: ft:tuned-1$")
    (pen-job-scene-matches "^one two +│ one two\nthree +│ three$")
    (pen-job-scene-has "Which is better?")))

(ert-deftest pen-compare-test-long-lines-stay-on-their-side ()
  (pen-compare-test-with (make-string 500 ?w)
    (pen-job-scene-has "Which is better?")
    (dolist (line (split-string (pen-fixture-text) "\n"))
      (when (string-match-p "w" line)
        (should (<= (string-width line) (window-width)))))))

(ert-deftest pen-compare-test-votes-are-counted-and-ret-goes-on-with-the-next-seed ()
  (pen-compare-test-with "ha"
    (pen-compare-test-vote ?2)
    (pen-job-scene-has "Your vote: tuned is better.")
    (pen-fixture-press "RET")
    (pen-fixture-until #'pen-compare-test-done-p)
    (pen-compare-test-vote ?1)
    (should (equal (pen-compare-test-requests :seed) '(1 1 2 2)))
    (should (equal (pen-compare-rounds-score pen-compare--rounds)
                   "tuned 1, base 1, ties 0: win rate 50 %"))))

(ert-deftest pen-compare-test-blind-has-no-names-until-the-vote-and-the-vote-is-for-the-side ()
  (dolist (swapped '(t nil))
    (pen-compare-test-with "ha"
      (cl-letf (((symbol-function 'random) (lambda (_) (if swapped 0 1))))
        (pen-fixture-press "b"))
      (pen-fixture-until #'pen-compare-test-done-p)
      (should-not (string-match-p "base-1\\|tuned-1" (pen-fixture-text)))
      (pen-job-scene-matches "^left +│ right$")
      (pen-compare-test-vote ?1)
      (should (eq (pen-compare-round-vote (car pen-compare--rounds))
                  (if swapped 'tuned 'base)))
      (pen-job-scene-matches (if swapped "^tuned: ft:tuned-1 +│ base: base-1$"
                               "^base: base-1 +│ tuned: ft:tuned-1$")))))

(ert-deftest pen-compare-test-texts-seen-with-their-names-are-not-voted-on-blindly ()
  (pen-compare-test-with "ha"
    (pen-fixture-press "b")
    (pen-fixture-until #'pen-compare-test-done-p)
    (should (equal (pen-compare-test-requests :seed) '(1 1 2 2)))
    (pen-compare-test-vote ?1)
    (pen-fixture-press "b")             ; names are wanted again: the round stays
    (should (equal (pen-compare-test-requests :seed) '(1 1 2 2)))
    (pen-fixture-press "b")
    (should (equal (pen-compare-test-requests :seed) '(1 1 2 2)))))

(ert-deftest pen-compare-test-says-its-keys-and-what-was-asked-above-the-texts ()
  (pen-compare-test-with (string-join (make-list 60 "line") "\n")
    (should (string-prefix-p (concat pen-compare--keys "\n\ntext: x\n\nbase: base-1")
                             (pen-fixture-text)))))

(ert-deftest pen-compare-test-of-a-long-question-the-end-is-shown-in-a-line ()
  (pen-compare-test-with "ha"
    (setq pen-compare--values (list (list "text" (concat (make-string 900 ?a) "\tb\nthe end"))))
    (pen-redraw-now pen-redraw-here)
    (pen-job-scene-matches "^text: …a+ b the end$")
    (dolist (line (split-string (pen-fixture-text) "\n"))
      (should (< (string-width line) (window-width))))))

(ert-deftest pen-compare-test-a-vote-does-not-scroll ()
  (pen-compare-test-with (string-join (make-list 60 "line") "\n")
    (goto-char (point-min))
    (forward-line 40)
    (let ((line (line-number-at-pos)))
      (pen-compare-test-vote ?1)
      (should (= line (line-number-at-pos))))))

(ert-deftest pen-compare-test-the-right-column-is-one-whatever-the-left-one-holds ()
  (pen-compare-test-with "a\tb\n日本語 👩‍👩‍👧\nשלום"
    (should-not (string-search "\t" (pen-fixture-text)))
    (goto-char (point-min))
    (let (columns)
      (while (search-forward " │ " nil t)
        (push (get-text-property (match-beginning 0) 'display) columns))
      (should (= 4 (length columns)))
      (should (= 1 (length (delete-dups columns))))
      (should (eq 'space (car-safe (car columns)))))
    (should (eq bidi-paragraph-direction 'left-to-right))))

(ert-deftest pen-compare-test-from-a-screen-the-text-is-asked-for-and-not-read-there ()
  (let ((definition '(:slug "p" :name "p" :arity 1
                            :variables ((:name "text" :source "region-or-preceding" :example "x"))))
        shown)
    (cl-letf (((symbol-function 'read-string) (lambda (&rest _) "typed"))
              ((symbol-function 'pen-compare--show)
               (lambda (_prompt values _models) (push values shown))))
      (with-temp-buffer
        (insert "written here")
        (pen-compare--ask "p" definition '("a" "b"))
        (special-mode)
        (pen-compare--ask "p" definition '("a" "b"))))
    (should (equal shown '((("text" "typed")) (("text" "written here")))))))

(ert-deftest pen-compare-test-no-vote-before-both-have-written ()
  (pen-rpc-fake-with '(("completions-start" hang))
    (save-window-excursion
      (with-current-buffer (pen-compare--show "p" nil '("a" "b"))
        (should-error (pen-compare-test-vote ?1) :type 'user-error)
        (kill-buffer)
        (pen-rpc-fake-settle 0.02)))))

(ert-deftest pen-compare-test-a-model-that-fails-is-said ()
  (pen-rpc-fake-with '(("completions-start" error not-found "There is no model b."))
    (save-window-excursion
      (with-current-buffer (pen-compare--show "p" nil '("a" "b"))
        (pen-job-scene-has "There is no model b.")
        (should-error (pen-compare-test-vote ?1) :type 'user-error)
        (kill-buffer)))))

(ert-deftest pen-compare-test-q-leaves-an-org-table ()
  (pen-compare-test-with "a | b\nc"
    (let (kill-ring)
      (pen-compare-test-vote ?2)
      (pen-fixture-press "q")
      (should (equal (car kill-ring)
                     (concat "| round | seed | base-1 | ft:tuned-1 | better |\n|-\n"
                             "| 1 | 1 | a \\vert{} b c | a \\vert{} b c | tuned |\n|-\n"
                             "| win rate | | | 100 % | tuned 1, base 0, ties 0: win rate 100 % |\n"))))))

(ert-deftest pen-compare-test-asks-for-the-base-and-then-for-the-tuned-one ()
  (pen-rpc-fake-with '(("models-list" value nil) ("prompts-list" value nil))
    (let ((pen-default-model "ft:x") (answers '("" "pen-tiny" "ft:x")) asked)
      (cl-letf (((symbol-function 'completing-read)
                 (lambda (prompt &rest _) (push prompt asked) (pop answers)))
                ((symbol-function 'pen-compare-models) (lambda (&rest models) (push models asked))))
        (should-error (funcall-interactively #'pen-compare "puns" nil 'ask) :type 'user-error)
        (funcall-interactively #'pen-compare "puns" nil 'ask))
      (should (equal asked '(("puns" "pen-tiny" "ft:x") "Tuned (default ft:x): " "Base: " "Base: "))))))

(ert-deftest pen-compare-test-killing-the-buffer-stops-both ()
  (pen-rpc-fake-with '(("completions-start" events (delta :index 0 :text "for ever")))
    (save-window-excursion
      (with-current-buffer (pen-compare--show "p" nil '("a" "b"))
        (pen-job-scene-has "for ever")
        (kill-buffer)
        (should (= 2 (cl-count "pen-cancel" pen-rpc-fake-calls :key #'car :test #'equal)))
        (pen-rpc-fake-settle 0.02)))))

(ert-deftest pen-compare-test-from-lisp-a-judge-votes ()
  (pen-rpc-fake-with (list (list "prompts-list" 'value (list pen-compare-test-definition))
                           (append (list "completions-start" 'events)
                                   (pen-compare-test-answer "ha")))
    (let* ((judged 0)
           (result (pen-compare "p" '("x") :models '("a" "b") :rounds 3 :seed 7
                                :judge (lambda (&rest texts)
                                         (should (equal texts '("ha" "ha")))
                                         (nth (mod (setq judged (1+ judged)) 3)
                                              '(base tuned tie))))))
      (should (equal (pen-compare-test-requests :seed) '(7 7 8 8 9 9)))
      (should (equal (mapcar (lambda (key) (plist-get result key))
                             '(:wins :losses :ties :win-rate))
                     '(1 1 1 0.5)))
      (should (= 3 (length (plist-get result :rounds)))))))

(ert-deftest pen-compare-test-from-lisp-two-models-are-needed ()
  (should-error (pen-compare "p" '("x") :models '("a")) :type 'user-error))

(provide 'pen-compare-test)
;;; pen-compare-test.el ends here
