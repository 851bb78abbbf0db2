;;; pen-complete-test.el --- Previews, on a service that is a table -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-fixture)
(require 'pen-complete)

(defconst pen-complete-test-prompts
  '((:slug "pun-complete" :arity 1
           :variables ((:name "jokes" :type "list") (:name "more" :type "list"))))
  "What the service says of its definitions.")

(defmacro pen-complete-test-with (events &rest body)
  "Run BODY after \\[pen-pun-complete] behind two puns, answered by EVENTS."
  (declare (indent 1))
  `(pen-rpc-fake-with (list (list "prompts-list" 'value pen-complete-test-prompts)
                            (append (list "completions-start" 'events) ,events))
     (save-window-excursion
       (pen-fixture-in-buffer "one\ntwo"
         (pen-pun-complete)
         (unwind-protect (progn ,@body)
           (pen-abort t))))))

(defun pen-complete-test-shown ()
  "Return the text of the preview of this buffer, or nil.
The blank that the cursor stands on before a line break is left out."
  (and pen-preview-current
       (replace-regexp-in-string
        "\\` \n" "\n"
        (substring-no-properties
         (overlay-get (pen-preview-overlay pen-preview-current) 'after-string)))))

(defun pen-complete-test-see (text)
  "Wait until the preview shows TEXT."
  (pen-fixture-until (lambda () (equal text (pen-complete-test-shown)))))

;;;; The request

(ert-deftest pen-complete-test-asks-with-the-lines-before-point ()
  (pen-complete-test-with (list (pen-fixture-done "three"))
    (pen-complete-test-see "\nthree [1/1]")
    (should (equal (pen-rpc-fake-last "completions-start")
                   '(:prompt "pun-complete" :values (("jokes" "one\ntwo")))))))

(ert-deftest pen-complete-test-options-are-sent-if-set ()
  (let ((pen-candidates 2)
        (pen-default-model "mine"))
    (pen-complete-test-with (list (pen-fixture-done "three"))
      (pen-complete-test-see "\nthree [1/1]")
      (should (equal (cddddr (pen-rpc-fake-last "completions-start"))
                     '(:model "mine" :n 2))))))

(ert-deftest pen-complete-test-cold-start-is-said-at-once ()
  (pen-rpc-fake-with '(("prompts-list" hang))
    (let ((pen-rpc--state 'stopped))
      (pen-fixture-in-buffer "one"
        (pen-pun-complete)
        (should (equal (pen-complete-test-shown) " [starting pen…]"))))))

(ert-deftest pen-complete-test-service-says-that-the-engine-starts ()
  (pen-complete-test-with '((log :what text :text "starting engine…"))
    (pen-complete-test-see " [starting engine…]")))

(ert-deftest pen-complete-test-does-not-wait ()
  (pen-rpc-fake-with '(("prompts-list" hang))
    (pen-fixture-quickest 0.1 (lambda ()
                                (pen-fixture-in-buffer "one"
                                  (pen-fixture-time #'pen-pun-complete))))))

(ert-deftest pen-complete-test-unknown-definition-is-said-in-one-line ()
  (pen-rpc-fake-with '(("prompts-list" value nil)
                       ("prompts-show" error not-found "There is no prompt x." :hint "Is it pun-complete?"))
    (let (said)
      (cl-letf (((symbol-function 'message)
                 (lambda (format &rest args) (setq said (apply #'format format args)))))
        (pen-fixture-in-buffer "one"
          (pen-pun-complete)
          (pen-fixture-until (lambda () said))
          (should (equal said "There is no prompt x. Is it pun-complete?"))
          (should-not (pen-complete-test-shown)))))))

(ert-deftest pen-complete-test-read-only-buffer-is-refused ()
  (pen-fixture-in-buffer "one"
    (setq buffer-read-only t)
    (should-error (pen-pun-complete) :type 'user-error)))

;;;; The preview

(ert-deftest pen-complete-test-buffer-is-untouched-until-accepted ()
  (pen-complete-test-with '((delta :index 0 :text "thr"))
    (pen-complete-test-see "\nthr [1/1…]")
    (should-not (buffer-modified-p))
    (should-not buffer-undo-list)
    (should (equal (buffer-string) "one\ntwo"))))

(ert-deftest pen-complete-test-text-is-in-its-own-face ()
  (pen-complete-test-with (list (pen-fixture-done "three"))
    (pen-complete-test-see "\nthree [1/1]")
    (let ((shown (overlay-get (pen-preview-overlay pen-preview-current) 'after-string)))
      (should (eq (get-text-property 2 'face shown) 'pen-ghost))
      (should (eq (get-text-property (1- (length shown)) 'face shown) 'pen-ghost-note)))))

(ert-deftest pen-complete-test-streams-then-shows-the-whole-result ()
  (pen-complete-test-with '((delta :index 0 :text "thr"))
    (pen-complete-test-see "\nthr [1/1…]")
    (pen-rpc-fake-event "fake-1" 'delta :index 0 :text "ee  ")
    (apply #'pen-rpc-fake-event "fake-1" (pen-fixture-done "three" "drei"))
    (should (equal (pen-complete-test-shown) "\nthree [1/2]"))))

(ert-deftest pen-complete-test-accept-is-one-undo ()
  (pen-complete-test-with (list (pen-fixture-done "three\nfour"))
    (pen-complete-test-see "\nthree\nfour [1/1]")
    (pen-fixture-press "TAB")
    (should (equal (buffer-string) "one\ntwo\nthree\nfour"))
    (should-not (pen-complete-test-shown))
    (let ((last-command nil))
      (undo))
    (should (equal (buffer-string) "one\ntwo"))))

(ert-deftest pen-complete-test-accept-while-streaming-takes-what-is-there ()
  (pen-complete-test-with '((delta :index 0 :text "thr"))
    (pen-complete-test-see "\nthr [1/1…]")
    (pen-fixture-press "RET")
    (should (equal (buffer-string) "one\ntwo\nthr"))
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))))

(ert-deftest pen-complete-test-other-candidates-go-round ()
  (pen-complete-test-with (list (pen-fixture-done "a" "b" "c"))
    (pen-complete-test-see "\na [1/3]")
    (pen-fixture-press "M-n")
    (should (equal (pen-complete-test-shown) "\nb [2/3]"))
    (pen-fixture-press "M-p")
    (pen-fixture-press "M-p")
    (should (equal (pen-complete-test-shown) "\nc [3/3]"))
    (pen-fixture-press "RET")
    (should (equal (buffer-string) "one\ntwo\nc"))))

(ert-deftest pen-complete-test-candidate-that-comes-first-is-shown-and-stays ()
  (let ((pen-candidates 3))
    (pen-complete-test-with '((delta :index 0 :text "") (delta :index 1 :text "b"))
      (pen-complete-test-see "\nb [1/3…]")
      (pen-rpc-fake-event "fake-1" 'delta :index 2 :text "c")
      (pen-fixture-press "M-n")
      (should (equal (pen-complete-test-shown) "\nc [2/3…]"))
      (pen-fixture-press "M-n")
      (should (equal (pen-complete-test-shown) "\nb [1/3…]"))
      (pen-rpc-fake-event "fake-1" 'delta :index 0 :text "a")
      (pen-complete-test-see "\nb [2/3…]")
      (apply #'pen-rpc-fake-event "fake-1" (pen-fixture-done "a" "bb" "c"))
      (should (equal (pen-complete-test-shown) "\nbb [2/3]"))
      (pen-fixture-press "M-p")
      (should (equal (pen-complete-test-shown) "\na [1/3]")))))

(ert-deftest pen-complete-test-words-are-taken-one-by-one ()
  (pen-complete-test-with (list (pen-fixture-done "three blind mice"))
    (pen-complete-test-see "\nthree blind mice [1/1]")
    (pen-fixture-press "M-RET")
    (should (equal (buffer-string) "one\ntwo\nthree"))
    (should (equal (pen-complete-test-shown) " blind mice [1/1]"))
    (pen-fixture-press "M-RET")
    (pen-fixture-press "M-RET")
    (should (equal (buffer-string) "one\ntwo\nthree blind mice"))
    (should-not (pen-complete-test-shown))))

(ert-deftest pen-complete-test-reject-cancels ()
  (pen-complete-test-with '((delta :index 0 :text "thr"))
    (pen-complete-test-see "\nthr [1/1…]")
    (pen-fixture-press "C-g")
    (should-not (pen-complete-test-shown))
    (should (equal (buffer-string) "one\ntwo"))
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))))

(ert-deftest pen-complete-test-request-rejected-before-its-id-came-is-cancelled ()
  (pen-complete-test-with nil
    (pen-fixture-until
     (lambda () (and pen-preview-current (pen-preview-stream pen-preview-current))))
    (pen-fixture-press "C-g")
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))))

(ert-deftest pen-complete-test-moving-away-closes ()
  (pen-complete-test-with (list (pen-fixture-done "three"))
    (pen-complete-test-see "\nthree [1/1]")
    (pen-fixture-press "C-b")
    (should-not (pen-complete-test-shown))
    (should-not (overlays-in (point-min) (point-max)))))

(ert-deftest pen-complete-test-typing-closes ()
  (pen-complete-test-with (list (pen-fixture-done "three"))
    (pen-complete-test-see "\nthree [1/1]")
    (insert "x")
    (run-hooks 'post-command-hook)
    (should-not (pen-complete-test-shown))))

(ert-deftest pen-complete-test-killing-the-buffer-mid-stream-cancels ()
  (pen-complete-test-with '((delta :index 0 :text "thr"))
    (pen-complete-test-see "\nthr [1/1…]")
    (pen-fixture-in-buffer "one"
      (pen-pun-complete)
      (pen-complete-test-see "\nthr [1/1…]")
      (set-buffer-modified-p nil)
      (kill-buffer))
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-2")))
    (pen-rpc-fake-event "fake-2" 'delta :index 0 :text "late")))

(ert-deftest pen-complete-test-error-mid-stream-keeps-the-text ()
  (pen-complete-test-with '((delta :index 0 :text "thr"))
    (pen-complete-test-see "\nthr [1/1…]")
    (pen-rpc-fake-event "fake-1" 'error :kind 'connection-lost :message "The service ended.")
    (should (equal (pen-complete-test-shown) "\nthr [1/1, cut off]"))))

(ert-deftest pen-complete-test-empty-answer-is-said ()
  (pen-complete-test-with (list (pen-fixture-done "" " "))
    (pen-fixture-until (lambda () (not (pen-complete-test-shown))))
    (should (equal (buffer-string) "one\ntwo"))))

(ert-deftest pen-complete-test-2000-deltas-are-drawn-20-times-a-second ()
  (pen-complete-test-with '((delta :index 0 :text "x"))
    (pen-complete-test-see "\nx [1/1…]")
    (let ((draws 0) (before (float-time)))
      (cl-letf* ((draw (symbol-function 'pen-preview--draw))
                 ((symbol-function 'pen-preview--draw)
                  (lambda (preview) (setq draws (1+ draws)) (funcall draw preview))))
        (dotimes (_ 2000)
          (pen-rpc-fake-event "fake-1" 'delta :index 0 :text "y"))
        (should (<= draws (+ 1 (* 20 (- (float-time) before)))))
        (pen-complete-test-see (concat "\nx" (make-string 2000 ?y) " [1/1…]"))))))

(ert-deftest pen-complete-test-again-asks-once-more ()
  (pen-complete-test-with (list (pen-fixture-done "three"))
    (pen-complete-test-see "\nthree [1/1]")
    (pen-fixture-press "C-c ; g")
    (pen-complete-test-see "\nthree [1/1]")
    (should (= 2 (cl-count "completions-start" pen-rpc-fake-calls
                           :key #'car :test #'equal)))))

(ert-deftest pen-complete-test-candidates-stay-in-reach ()
  (pen-complete-test-with (list (pen-fixture-done "a" "b"))
    (pen-complete-test-see "\na [1/2]")
    (pen-fixture-press "C-g")
    (cl-letf (((symbol-function 'completing-read)
               (lambda (_ texts &rest _) (should (equal texts '("a" "b"))) "b")))
      (pen-preview-list))
    (should (equal (buffer-string) "one\ntwo\nb"))))

(ert-deftest pen-complete-test-candidates-go-to-the-end-of-the-region ()
  (pen-complete-test-with (list (pen-fixture-done "a" "b"))
    (pen-complete-test-see "\na [1/2]")
    (pen-fixture-press "C-g")
    (let ((transient-mark-mode t))
      (push-mark (point-max) t t)
      (goto-char (point-min))
      (cl-letf (((symbol-function 'completing-read) (lambda (&rest _) "b")))
        (pen-preview-list))
      (should-not (region-active-p)))
    (should (equal (buffer-string) "one\ntwo\nb"))
    (should (eobp))))

(ert-deftest pen-complete-test-mode-line-counts-candidates ()
  (pen-complete-test-with '((delta :index 0 :text "thr"))
    (pen-complete-test-see "\nthr [1/1…]")
    (should (equal pen-answer-activity ":1/1"))
    (pen-abort)
    (should-not pen-answer-activity)))

(ert-deftest pen-complete-test-abort-counts-what-it-stopped ()
  (pen-complete-test-with nil
    (should (= 1 (pen-abort)))
    (should (= 0 (pen-abort)))
    (should (= 0 (pen-abort t)))))

;;;; From Lisp

(ert-deftest pen-complete-test-lisp-form-waits-and-returns-strings ()
  (pen-rpc-fake-with (list (list "prompts-list" 'value pen-complete-test-prompts)
                           (list "completions-start" 'events
                                 (pen-fixture-done "a" "b")))
    (should (equal (pen-complete "pun-complete" '("one\ntwo") :n 2 :seed 7) '("a" "b")))
    (should (equal (pen-rpc-fake-last "completions-start")
                   '(:prompt "pun-complete" :values (("jokes" "one\ntwo")) :n 2 :seed 7)))))

(ert-deftest pen-complete-test-lisp-form-signals ()
  (pen-rpc-fake-with (list (list "prompts-list" 'value pen-complete-test-prompts)
                           (list "completions-start" 'events
                                 '(error :kind upstream :message "The engine died.")))
    (should-error (pen-complete "pun-complete" '("one")) :type 'pen-upstream-error)
    (should-error (pen-complete "pun-complete" '("one" "two")) :type 'pen-bad-params-error)))

(ert-deftest pen-complete-test-lisp-form-has-a-deadline ()
  (pen-rpc-fake-with (list (list "prompts-list" 'value pen-complete-test-prompts)
                           (list "completions-start" 'events))
    (should-error (pen-complete "pun-complete" '("one") :deadline 0.1)
                  :type 'pen-deadline-error)
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))))

(provide 'pen-complete-test)
;;; pen-complete-test.el ends here
