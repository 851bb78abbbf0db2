;;; pen-preview-test.el --- Previews: floods, bad places, other texts -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'org)
(require 'pen-fixture)
(require 'pen-complete)

(defmacro pen-preview-test-with (text events &rest body)
  "Run BODY after \\[pen-pun-complete] behind TEXT, answered by EVENTS."
  (declare (indent 2) (debug t))
  `(pen-fixture-with ,events
     (pen-fixture-in-buffer ,text
       (pen-pun-complete)
       ,@body)))

(defun pen-preview-test-done ()
  "Wait until the preview of this buffer is whole."
  (pen-fixture-until (lambda () (and pen-preview-current (pen-preview-done pen-preview-current)))))

(defun pen-preview-test-asked (key)
  "Return the argument KEY of the last request."
  (plist-get (pen-rpc-fake-last "completions-start") key))

;;;; Floods

(defun pen-preview-test-flood (count)
  "Let COUNT deltas stream in; return (GAP RATE SENT).
GAP is the most that Emacs worked between two ticks of a timer of 10 ms,
in seconds, RATE the draws a second, SENT the deltas."
  (let* ((last (pen-fixture-busy)) (gap 0) (draws 0) (sent 0)
         (timer (run-at-time 0 0.01
                             (lambda ()
                               (let ((now (pen-fixture-busy)))
                                 (setq gap (max gap (- now last))
                                       last now)))))
         (sender (run-at-time 0 0.001
                              (lambda ()
                                (dotimes (_ (min 40 (- count sent)))
                                  (setq sent (1+ sent))
                                  (pen-rpc-fake-event "fake-1" 'delta :index (% sent 3)
                                                      :text "twenty characters.\n"))))))
    (unwind-protect
        (cl-letf* ((draw (symbol-function 'pen-preview--draw))
                   ((symbol-function 'pen-preview--draw)
                    (lambda (preview) (setq draws (1+ draws)) (funcall draw preview))))
          (let ((begin (float-time)))
            (while (and (< sent count) (< (- (float-time) begin) 60))
              (accept-process-output nil 0.02))
            (list gap (/ (1- draws) (- (float-time) begin)) sent))) ; the first waits for none
      (cancel-timer timer)
      (cancel-timer sender))))

(ert-deftest pen-preview-test-no-gap-in-a-stream-of-thousands-and-20-draws-a-second ()
  (dolist (count '(2000 5000))
    (pen-fixture-quickest
     0.05 (lambda ()
            (pen-preview-test-with "one\ntwo" '((delta :index 0 :text "x"))
              (pen-fixture-until (lambda () (pen-preview-candidates pen-preview-current)))
              (pcase-let ((`(,gap ,rate ,sent)
                           (pen-fixture-uncollected (pen-preview-test-flood count))))
                (should (= sent count))
                (should (<= rate 21.0))
                (should (< 0 gap))
                (should-not (buffer-modified-p))
                (should-not buffer-undo-list)
                gap))))))

(ert-deftest pen-preview-test-a-long-text-is-drawn-in-part-and-inserted-whole ()
  (let ((text (mapconcat #'number-to-string (number-sequence 1 20000) "\n")))
    (pen-preview-test-with "one\ntwo" (list (pen-fixture-done text))
      (pen-preview-test-done)
      (should (< (length (overlay-get (pen-preview-overlay pen-preview-current) 'after-string))
                 (* 2 pen-preview-most-shown)))
      (pen-fixture-press "TAB")
      (should (string-suffix-p "\n19999\n20000" (buffer-string))))))

(ert-deftest pen-preview-test-a-model-that-does-not-stop-is-stopped ()
  (let ((chunk (make-string 100000 ?x)))
    (pen-preview-test-with "one\ntwo" '((delta :index 0 :text "x"))
      (pen-fixture-until (lambda () (pen-preview-candidates pen-preview-current)))
      (let ((said (pen-fixture-said
                   (dotimes (_ 12) (pen-rpc-fake-event "fake-1" 'delta :index 0 :text chunk)))))
        (should (string-match-p "did not stop, so it was stopped; give the definition a stop text" said)))
      (pen-rpc-fake-settle)
      (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))
      (should (pen-preview-done pen-preview-current))
      (pen-fixture-press "C-g"))))

(ert-deftest pen-preview-test-keys-answer-within-10-ms ()
  (pen-fixture-quickest
   0.01 (lambda ()
          (pen-preview-test-with "one\ntwo"
              (list (pen-fixture-done (make-string 20000 ?a) (make-string 20000 ?b)))
            (pen-preview-test-done)
            (max (pen-fixture-work #'pen-preview-next)
                 (pen-fixture-work #'pen-preview-accept)
                 (progn (pen-pun-complete)
                        (pen-fixture-work #'pen-preview-reject))
                 (progn (pen-pun-complete)
                        (pen-fixture-work #'pen-abort)))))))

;;;; Texts that are not lists

(defconst pen-preview-test-plain
  '((:slug "plain" :arity 1 :n 1 :variables ((:name "text" :type "text"))))
  "A definition that continues plain text.")

(ert-deftest pen-preview-test-plain-candidates-are-listed-and-inserted-as-they-are ()
  (pen-fixture-with (list (pen-fixture-done "went on.\n\n  Twice." "b"))
    (setf (cdr (assoc "prompts-list" pen-rpc-fake--table)) (list 'value pen-preview-test-plain))
    (pen-fixture-in-buffer "- a story "
      (let ((pen-pun-prompt "plain"))
        (pen-pun-complete))
      (pen-preview-test-done)
      (pen-fixture-press "C-g")
      (cl-letf (((symbol-function 'completing-read) (lambda (_ texts &rest _) (car texts))))
        (pen-preview-list))
      (should (equal (buffer-string) "- a story went on.\n\n  Twice.")))))

(ert-deftest pen-preview-test-a-prompt-of-several-values-says-who-asks-for-them ()
  (pen-fixture-with nil
    (setf (cdr (assoc "prompts-list" pen-rpc-fake--table))
          '(value ((:slug "two" :arity 2 :variables ((:name "a" :type "text")
                                                     (:name "b" :type "text"))))))
    (pen-fixture-in-buffer "text"
      (let ((pen-pun-prompt "two"))
        (should (string-match-p "also needs b; M-x pen-run-prompt-function asks"
                                (pen-fixture-said (pen-pun-complete)
                                                  (pen-rpc-fake-settle)))))
      (should-not pen-preview-current))))

;;;; Options

(ert-deftest pen-preview-test-without-preview-the-text-goes-in-at-once-where-it-was-asked-for ()
  (let ((pen-preview nil))
    (pen-preview-test-with "one\ntwo\n" '((delta :index 0 :text "thr"))
      (pen-rpc-fake-settle)
      (goto-char (point-min))
      (insert "zero\n")
      (run-hooks 'post-command-hook)
      (apply #'pen-rpc-fake-event "fake-1" (pen-fixture-done "three"))
      (should (equal (buffer-string) "zero\none\ntwo\nthree"))
      (should (= (point) 6)))))

(ert-deftest pen-preview-test-long-asks-without-stops ()
  (pen-fixture-with (list (pen-fixture-done "three"))
    (pen-fixture-in-buffer "one"
      (pen-complete-long nil 2)
      (pen-preview-test-done)
      (should (equal (cddddr (pen-rpc-fake-last "completions-start")) '(:n 2 :long t))))))

(ert-deftest pen-preview-test-properties-of-the-entry-are-arguments ()
  (pen-fixture-with (list (pen-fixture-done "three"))
    (pen-fixture-in-buffer "* A\n:PROPERTIES:\n:PEN_TEMPERATURE: 0.1\n:PEN_MODEL: mine\n:PEN_STOP: \"X\"\n:END:\n- one"
      (delay-mode-hooks (org-mode))
      (pen-pun-complete "other")
      (pen-preview-test-done)
      (should (equal (cddddr (pen-rpc-fake-last "completions-start"))
                     '(:model "other" :temperature 0.1 :stop ("X")))))))

(ert-deftest pen-preview-test-a-property-that-is-no-number-is-named ()
  (pen-fixture-with nil
    (pen-fixture-in-buffer "* A\n:PROPERTIES:\n:PEN_TEMPERATURE: hot\n:END:\n- one"
      (delay-mode-hooks (org-mode))
      (should (string-match-p "PEN_TEMPERATURE is \"hot\""
                              (pen-fixture-refused (pen-pun-complete)))))))

;;;; A service that is not there

(defmacro pen-preview-test-without-service (&rest body)
  "Return the last message of BODY where the service cannot be started."
  `(pen-rpc-fake-with
       (mapcar (lambda (method)
                 (list method 'error 'start "The service cannot be started."
                       :hint "Run M-x pen-doctor."))
               '("prompts-list" "prompts-show" "prompts-catalogue" "completions-start"))
     (pen-fixture-in-buffer "one\ntwo"
       (pen-fixture-said ,@body (pen-rpc-fake-settle)
                         (should-not pen-preview-current)
                         (should-not (overlays-in (point-min) (point-max)))
                         (should-not (buffer-modified-p))
                         (should-not pen-answer--open)))))

(ert-deftest pen-preview-test-no-backend-is-one-sentence-with-the-fix ()
  (dolist (said (list (pen-preview-test-without-service (pen-pun-complete))
                      (pen-preview-test-without-service (pen-complete-long))
                      (pen-preview-test-without-service (pen-generate-prompt-functions t))
                      (pen-preview-test-without-service
                       (pen-filter-start 1 4 '(:slug "tidy") nil nil))))
    (should (equal said "The service cannot be started. Run M-x pen-doctor."))))

(ert-deftest pen-preview-test-a-value-that-cannot-be-sent-leaves-nothing-behind ()
  (pen-rpc-fake-with nil
    (pen-fixture-in-buffer "one\ntwo"
      (should-error (pen-filter-start 1 4 '(:slug "tidy")
                                      (list (list "text" (string-to-multibyte "\351"))) nil)
                    :type 'wrong-type-argument)
      (should-not (overlays-in (point-min) (point-max)))
      (should-not pen-answer--open))))

(ert-deftest pen-preview-test-a-service-that-dies-leaves-the-text-to-be-taken ()
  (pen-preview-test-with "one" '((delta :index 0 :text "two"))
    (pen-fixture-until (lambda () (pen-preview-candidates pen-preview-current)))
    (should (equal (pen-fixture-said
                    (pen-rpc-fake-event "fake-1" 'error :kind 'connection-lost
                                        :message "The service ended." :hint "Ask again."))
                   "The service ended. Ask again."))
    (pen-fixture-press "TAB")
    (should (equal (buffer-string) "one\ntwo"))))

;;;; Bad places

(ert-deftest pen-preview-test-read-only-places-are-refused ()
  (pen-fixture-with nil
    (pen-fixture-in-buffer "text"
      (setq buffer-read-only t)
      (dolist (command '(pen-pun-complete pen-complete-long pen-preview-list))
        (should (string-match-p "buffer is read-only"
                                (pen-fixture-refused (call-interactively command)))))
      (setq buffer-read-only nil))
    (pen-fixture-in-buffer (propertize "text" 'read-only t)
      (goto-char 2)
      (should (string-match-p "place is read-only" (pen-fixture-refused (pen-pun-complete))))
      (let ((inhibit-read-only t)) (erase-buffer)))))

(ert-deftest pen-preview-test-a-buffer-that-becomes-read-only-loses-nothing ()
  (pen-preview-test-with "one" (list (pen-fixture-done "two"))
    (pen-preview-test-done)
    (setq buffer-read-only t)
    (pen-fixture-refused (pen-preview-accept))
    (should pen-preview-current)
    (setq buffer-read-only nil)
    (pen-preview-accept)
    (should (equal (buffer-string) "one\ntwo"))))

(ert-deftest pen-preview-test-empty-buffers-and-regions-are-refused ()
  (pen-fixture-with nil
    (pen-fixture-in-buffer " \n\n"
      (pen-fixture-refused (pen-pun-complete))
      (pen-fixture-mark 1 1)
      (pen-fixture-refused (pen-pun-complete)))
    (pen-fixture-in-buffer ""
      (pen-fixture-refused (pen-complete-again))
      (pen-fixture-refused (pen-preview-list)))))

(ert-deftest pen-preview-test-a-narrowed-buffer-gives-what-it-shows ()
  (pen-fixture-with (list (pen-fixture-done "three"))
    (pen-fixture-in-buffer "secret\none\ntwo"
      (narrow-to-region 8 (point-max))
      (pen-pun-complete)
      (pen-preview-test-done)
      (should (equal (pen-preview-test-asked :values) '(("jokes" "one\ntwo"))))
      (pen-fixture-press "TAB")
      (widen)
      (should (equal (buffer-string) "secret\none\ntwo\nthree")))))

(ert-deftest pen-preview-test-an-indirect-buffer-has-its-own-preview ()
  (pen-fixture-with (list (pen-fixture-done "two"))
    (pen-fixture-in-buffer "one"
      (let ((base (current-buffer)))
        (with-current-buffer (make-indirect-buffer base "pen-indirect")
          (unwind-protect
              (progn
                (goto-char (point-max))
                (pen-pun-complete)
                (pen-preview-test-done)
                (should-not (buffer-local-value 'pen-preview-current base))
                (should-not (buffer-modified-p))
                (pen-preview-accept)
                (should (equal (with-current-buffer base (buffer-string)) "one\ntwo")))
            (kill-buffer)))))))

(ert-deftest pen-preview-test-killing-the-base-closes-the-preview-of-its-indirect-buffer ()
  (pen-fixture-with '((delta :index 0 :text "two"))
    (pen-fixture-in-buffer "one"
      (let ((base (current-buffer)))
        (with-current-buffer (make-indirect-buffer base "pen-indirect")
          (goto-char (point-max))
          (pen-pun-complete)
          (pen-fixture-until (lambda () (pen-preview-candidates pen-preview-current))))
        (set-buffer-modified-p nil)
        (kill-buffer base)
        (pen-rpc-fake-settle)
        (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))
        (should-not pen-answer--open)))))

(ert-deftest pen-preview-test-a-remote-file-is-completed-without-its-host ()
  (pen-fixture-with (list (pen-fixture-done "two"))
    (pen-fixture-in-buffer "one"
      (setq buffer-file-name "/ssh:nobody@nowhere.invalid:/tmp/x"
            default-directory "/ssh:nobody@nowhere.invalid:/tmp/")
      (unwind-protect
          (progn
            (pen-pun-complete)
            (pen-preview-test-done)
            (pen-preview-accept)
            (should (equal (buffer-string) "one\ntwo")))
        (set-buffer-modified-p nil)
        (setq buffer-file-name nil)))))

(ert-deftest pen-preview-test-propertized-text-is-sent-plain ()
  (pen-preview-test-with (propertize "one" 'face 'bold 'invisible t)
      (list (pen-fixture-done "two"))
    (pen-preview-test-done)
    (should (equal-including-properties (cadar (pen-preview-test-asked :values)) "one"))))

(ert-deftest pen-preview-test-raw-bytes-are-refused-with-their-line ()
  (pen-fixture-with nil
    (pen-fixture-in-buffer (concat "fine\nbad" (string-to-multibyte "\351") "\n")
      (should (string-match-p "\\`Line 2 holds bytes" (pen-fixture-refused (pen-pun-complete)))))))

(ert-deftest pen-preview-test-10-megabytes-are-refused-at-once ()
  (pen-fixture-with nil
    (pen-fixture-in-buffer ""
      (buffer-disable-undo)
      (insert (make-string 10000000 ?x))
      (set-buffer-modified-p nil)
      (pen-fixture-mark (point-min) (point-max))
      (pen-fixture-quickest
       0.2 (lambda ()
             (pen-fixture-time
              (lambda ()
                (should (string-match-p "10000000 characters.*; mark less"
                                        (pen-fixture-refused (pen-pun-complete))))))))
      ;; Without a region only what stands near point is looked at.
      (deactivate-mark)
      (goto-char (point-max))
      (pen-pun-complete)
      (pen-rpc-fake-settle)
      (should (= (length (cadar (pen-preview-test-asked :values))) pen-context-characters))
      (pen-abort))))

(provide 'pen-preview-test)
;;; pen-preview-test.el ends here
