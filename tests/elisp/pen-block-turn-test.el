;;; pen-block-turn-test.el --- Blocks wait for those whose results they read -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-fixture)
(require 'ob-pen)

(defmacro pen-block-turn-test-with (answer text &rest body)
  "Run all blocks of TEXT at once, as a person does, and then BODY.
ANSWER is what the service answers to a completion."
  (declare (indent 2) (debug t))
  `(pen-rpc-fake-with
       (list (list "prompts-list" 'value pen-fixture-definitions)
             (cons "completions-start" ,answer)
             (list "datasets-plan" 'events '(done :value (:summary "2 records" :table "mean"))))
     (with-temp-buffer
       (let ((org-inhibit-startup t) (org-confirm-babel-evaluate nil)
             (pen-block--running nil) (inhibit-message t))
         (delay-mode-hooks (org-mode))
         (insert ,text)
         (let ((noninteractive nil))
           (org-babel-map-src-blocks nil
             (org-babel-execute-src-block)))
         ,@body))))

(defun pen-block-turn-test-block (header &optional body)
  "Return a block with HEADER and BODY."
  (format "#+begin_src pen :prompt old %s\n%s\n#+end_src\n\n" header (or body "hello")))

(defun pen-block-turn-test-asked ()
  "Return what was asked of the model, the first first."
  (mapcar #'cdr (reverse (seq-filter (lambda (call) (equal "completions-start" (car call)))
                                     pen-rpc-fake-calls))))

(defun pen-block-turn-test-settle ()
  "Wait until no block runs."
  (pen-fixture-until (lambda () (null pen-block--running))))

(ert-deftest pen-block-turn-test-a-turn-of-a-conversation-waits-for-those-above ()
  (pen-block-turn-test-with (list 'events (pen-fixture-done "answer"))
      (concat (pen-block-turn-test-block ":session s" "one")
              (pen-block-turn-test-block ":session s" "two")
              (pen-block-turn-test-block ":session s" "three"))
    (should (= 2 (how-many "^pen: req-[0-9]+ waits for req-[0-9]+$" (point-min) (point-max))))
    (pen-block-turn-test-settle)
    (should (equal (mapcar (lambda (call) (length (plist-get call :history)))
                           (pen-block-turn-test-asked))
                   '(0 1 2)))
    (should (= 3 (how-many "^answer$" (point-min) (point-max))))
    (should-not (string-match-p "pen: " (buffer-string)))))

(ert-deftest pen-block-turn-test-other-blocks-run-side-by-side ()
  (pen-block-turn-test-with '(hang)
      (concat (pen-block-turn-test-block ":session s") (pen-block-turn-test-block ":session t")
              (pen-block-turn-test-block ""))
    (pen-fixture-until (lambda () (= 3 (length (pen-block-turn-test-asked)))))
    (pen-abort)))

(ert-deftest pen-block-turn-test-records-are-read-once-they-are-written ()
  (let ((file (make-temp-name (expand-file-name "pen-turn-" temporary-file-directory))))
    (unwind-protect
        (pen-block-turn-test-with (list 'events (pen-fixture-done "a pun"))
            (concat "#+name: made\n" (pen-block-turn-test-block (concat ":file " file))
                    (pen-block-turn-test-block (concat ":action dataset :dataset " file) "")
                    (pen-block-turn-test-block ":action dataset :dataset made" ""))
          (should (eq 'none (pen-rpc-fake-last "datasets-plan")))
          (pen-block-turn-test-settle)
          (should (equal (mapcar (lambda (call) (plist-get (cdr call) :path))
                                 (seq-filter (lambda (call) (equal "datasets-plan" (car call)))
                                             pen-rpc-fake-calls))
                         (list file file))))
      (ignore-errors (delete-file file)))))

(ert-deftest pen-block-turn-test-what-it-waits-for-may-fail-be-run-again-or-be-stopped ()
  (let ((text (concat (pen-block-turn-test-block ":session s" "one")
                      (pen-block-turn-test-block ":session s" "two"))))
    (pen-block-turn-test-with '(error upstream "The engine is gone.") text
      (pen-block-turn-test-settle)
      (should (= 1 (length (pen-block-turn-test-asked))))
      (should (string-match-p "pen: not run, for req-[0-9]+, .*; run that, then this" (buffer-string))))
    (pen-block-turn-test-with (list 'events (pen-fixture-done "answer")) text
      (goto-char (point-min))
      (let ((noninteractive nil))
        (org-babel-execute-src-block))
      (pen-block-turn-test-settle)
      (should (= 1 (length (plist-get (pen-rpc-fake-last "completions-start") :history)))))
    (pen-block-turn-test-with '(hang) text
      (should (= 2 (pen-abort)))
      (should-not pen-block--running)
      (should (= 0 (how-many "running\\|waits" (point-min) (point-max)))))))

(ert-deftest pen-block-turn-test-a-block-edited-while-it-waits-is-not-run ()
  (pen-block-turn-test-with (list 'events (pen-fixture-done "answer"))
      (concat (pen-block-turn-test-block ":session s" "one")
              (pen-block-turn-test-block ":session s" "two"))
    (goto-char (point-min))
    (re-search-forward "^two")
    (insert "!")
    (pen-block-turn-test-settle)
    (should (= 1 (length (pen-block-turn-test-asked))))))

(provide 'pen-block-turn-test)
;;; pen-block-turn-test.el ends here
