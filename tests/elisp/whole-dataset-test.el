;;; whole-dataset-test.el --- Previews by the real service, nothing faked -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; One service builds every training set here; no engine is started.
;; PEN_PYTHON names the Python that runs it.

;;; Code:

(require 'ert)
(require 'whole-fixture)
(require 'cl-lib)
(require 'org)
(require 'pen-dataset)
(require 'pen-dataset-chat)
(require 'pen-dataset-inspect)

(defconst whole-dataset-test-seconds 90 "How long anything here may take.")

(defun whole-dataset-test-text (count)
  "Return an org file with COUNT puns that are not alike, each below a heading."
  (cl-loop for index below count
           for words = (cl-loop for prime in '(7919 104729 1299709 15485863 179424673 32452843)
                                collect (format "w%d" (% (* (1+ index) prime) 9973)))
           concat (apply #'format "* What is %s to %s?\n%s %s, %s %s.\n" words)))

(defun whole-dataset-test-plan ()
  "Wait for the plan of *pen-dataset* and return it."
  (with-current-buffer "*pen-dataset*"
    (pen-fixture-until (lambda () (null pen-dataset--stream)) whole-dataset-test-seconds)
    (or pen-dataset--plan (ert-fail (buffer-string)))))

(defun whole-dataset-test-rows (plan)
  "Return all rows of PLAN, as they were written, in one text."
  (with-temp-buffer
    (insert-file-contents (plist-get plan :train-path))
    (goto-char (point-max))
    (insert-file-contents (plist-get plan :valid-path))
    (buffer-string)))

(defmacro whole-dataset-test-with (text &rest body)
  "Run BODY in an org buffer with TEXT; leave no preview behind."
  (declare (indent 1))
  `(save-window-excursion
     (with-temp-buffer
       (insert ,text)
       (org-mode)
       (unwind-protect (progn ,@body)
         (when (get-buffer "*pen-dataset*")
           (kill-buffer "*pen-dataset*"))))))

;; A gap is what this Emacs computed between two ticks of a timer: other programs
;; on the machine make gaps, too, but do not block anybody.  Collections, which
;; the figure leaves out, wait meanwhile.
(defun whole-dataset-test-longest-gap (function)
  "Call FUNCTION and return the longest time in which no timer could run, in ms."
  (pen-fixture-uncollected
    (let* ((longest 0) last
           (tick (lambda ()
                   (let ((time (pen-fixture-busy)))
                     (when last (setq longest (max longest (- time last))))
                     (setq last time))))
           (timer (run-at-time 0 0.01 tick)))
      (unwind-protect
          (progn (sit-for 0.05)
                 (funcall function)
                 (sit-for 0.05)
                 (* 1000 longest))
        (cancel-timer timer)))))

(ert-deftest whole-dataset-test-nothing-blocks-while-2000-headings-are-built ()
  (pen-rpc-prompts-list :deadline 30)   ; the service runs
  (whole-dataset-test-with (whole-dataset-test-text 2000)
    (pen-fixture-quickest
     50 (lambda ()
          (let* ((plan nil)
                 (gap (whole-dataset-test-longest-gap
                       (lambda ()
                         (pen-dataset-region (point-min) (point-max) :prompt "joke-token" :show t)
                         (setq plan (whole-dataset-test-plan))))))
            (should (= (plist-get plan :records) 2000))
            (message "Longest gap with 2000 headings: %.0f ms" gap)
            gap)))))

(defun whole-dataset-test-gap-of-ten-megabytes ()
  "Show the training set of this buffer of 10 MB; return the longest gap in ms."
  (let* ((plan nil)
         (gap (save-current-buffer
                (whole-dataset-test-longest-gap
                 (lambda ()
                   (pen-dataset-region (point-min) (point-max) :prompt "joke-token" :show t)
                   (setq plan (whole-dataset-test-plan))))))
         (file (pen-source-spool (with-current-buffer "*pen-dataset*" pen-dataset--source))))
    (should (= (plist-get plan :records) 100))
    (should (file-exists-p file))
    (kill-buffer "*pen-dataset*")
    (should-not (file-exists-p file))
    gap))

;; How fast this machine is, and who else uses it, counts for both: 70 ms where
;; a write takes 40.
(defun whole-dataset-test-no-longer-p (gaps writes)
  "Return non-nil if the least of GAPS is little more than that of WRITES."
  (< (apply #'min gaps) (* 1.75 (apply #'min writes))))

(defun whole-dataset-test-gaps-and-writes ()
  "Return the longest gaps with this buffer of 10 MB and plain writes of it.
They are lists of milliseconds.
There are ten at most, and no more once a gap is short enough."
  (let (gaps writes)
    (while (and (length< gaps 10)
                (not (and gaps (whole-dataset-test-no-longer-p gaps writes))))
      (push (* 1000 (pen-fixture-writing)) writes)
      (push (whole-dataset-test-gap-of-ten-megabytes) gaps))
    (list gaps writes)))

(ert-deftest whole-dataset-test-ten-megabytes-are-written-once-and-block-no-longer-than-that ()
  (whole-dataset-test-with (cl-loop for index below 100
                                    concat (format "%d: %s\n" (* index 7919)
                                                   (make-string 1000 (+ ?a (% index 26)))))
    (let ((text (buffer-string)))
      (fundamental-mode)
      (while (< (buffer-size) 10000000)
        (insert text)))
    (pcase-let ((`(,gaps ,writes) (whole-dataset-test-gaps-and-writes)))
      (message "Longest gap with 10 MB, the write among it: %s ms; a plain write: %s ms"
               (mapcar #'round gaps) (mapcar #'round writes))
      (should (whole-dataset-test-no-longer-p gaps writes)))))

(ert-deftest whole-dataset-test-changes-by-hand-reach-the-files-and-not-the-source ()
  (whole-dataset-test-with (whole-dataset-test-text 40)
    (let ((source (buffer-string)) (buffer (current-buffer)) plan before left-out held-out)
      (pen-dataset-region (point-min) (point-max) :prompt "joke-token" :show t)
      (setq before (whole-dataset-test-plan))
      (with-current-buffer "*pen-dataset*"
        (cl-flet ((text-of (number)
                    (plist-get (car (plist-get (car (plist-get (nth number (plist-get before :rows))
                                                               :members))
                                               :parts))
                               :text)))
          (setq left-out (text-of 0) held-out (text-of 1)))
        (pen-dataset-to-row 1)
        (pen-dataset-exclude)
        (pen-dataset-other-side)
        (pen-dataset-edit)
        (with-current-buffer "*pen-row*"
          (goto-char (point-max))
          (insert " Truly!")
          (pen-dataset-edit-take))
        (pen-dataset-ask)
        (setq plan (whole-dataset-test-plan)))
      (should (= (plist-get plan :records) 39))
      (should-not (string-match-p (regexp-quote left-out) (whole-dataset-test-rows plan)))
      (with-temp-buffer
        (insert-file-contents (plist-get plan :valid-path))
        (should (search-forward held-out nil t)))
      (should (string-match-p "Truly!" (whole-dataset-test-rows plan)))
      (should (equal source (with-current-buffer buffer (buffer-string))))
      (with-temp-buffer
        (insert-file-contents (expand-file-name "manifest.json" (plist-get plan :directory)))
        (should (re-search-forward "\"edits\": *\\[" nil t))
        (should (= 3 (how-many "\"texts_sha256\"")))))))

(ert-deftest whole-dataset-test-files-of-every-kind-are-recognised ()
  (let ((directory (make-temp-file "pen-whole-" t))
        (puns (cl-loop for index below 20
                       collect (format "Why is %d here? For %d." (* index 7919) (* index index)))))
    (unwind-protect
        (pcase-dolist
            (`(,reader ,name ,text)
             `((jsonl "a.jsonl" ,(mapconcat (lambda (pun) (format "{\"text\": %S}" pun)) puns "\n"))
               (jokes "b.json" ,(format "[%s]" (mapconcat
                                                (lambda (pun) (format "{\"id\": \"x\", \"title\": %S, \"body\": \"So.\", \"score\": 3}" pun))
                                                puns ", ")))
               (table "c.csv" ,(concat "text,score\n" (mapconcat (lambda (pun) (format "%S,1" pun)) puns "\n")))
               (org "d.org" ,(mapconcat (lambda (pun) (concat "- " pun)) puns "\n"))
               (transcript "e.srt" ,(cl-loop for pun in puns for index from 1
                                             concat (format "%d\n00:%02d:00,000 --> 00:%02d:01,000\n%s\n\n" index index index pun)))
               (text "f.txt" ,(string-join puns "\n"))))
          (let ((file (expand-file-name name directory)))
            (write-region text nil file nil 'silent)
            (let ((plan (pen-dataset-file file :prompt "joke-token" :valid-share 0.2)))
              (should (string-match-p (format "was read as %s\\'" reader)
                                      (plist-get (car (plist-get plan :findings)) :message)))
              (should (< 10 (plist-get plan :records)))
              (should (string-match-p (regexp-quote name) (plist-get (car (plist-get plan :rows)) :where))))))
      (delete-directory directory t))))

(ert-deftest whole-dataset-test-a-chat-is-learned-and-its-set-inspected ()
  (let ((file (make-temp-file "pen-chat-" nil ".txt")))
    (unwind-protect
        (progn
          (write-region (cl-loop for index below 40
                                 concat (format "2021-03-%02d, %02d:00 - %s: Message %d about %d, call +49 170 1234567.\n"
                                                (1+ (/ index 20)) (+ 3 (% index 20))
                                                (if (cl-evenp index) "Ann" "Ben") index (* index 7919)))
                        nil file nil 'silent)
          (should (equal (pen-rpc-datasets-speakers :path file)
                         '((:name "Ann" :messages 20) (:name "Ben" :messages 20))))
          (let* ((plan (pen-dataset-whatsapp file "Ben" :anonymise t))
                 (rows (whole-dataset-test-rows plan)))
            (should (= (plist-get plan :records) 20))
            (should-not (string-match-p "Ann\\|Ben\\|1234567" rows))
            (let ((found (pen-dataset-inspect (plist-get plan :directory))))
              (should (plist-get found :built))
              (should (= (plist-get found :records) 20))))
          (let ((err (should-error (pen-dataset-whatsapp file "Bem") :type 'pen-data-error)))
            (should (string-match-p "called 'Bem'" (cadr err)))))
      (delete-file file))))

(ert-deftest whole-dataset-test-a-set-is-written-where-one-wants-it ()
  (whole-dataset-test-with (whole-dataset-test-text 40)
    (let ((directory (make-temp-file "pen-whole-" t)))
      (unwind-protect
          (progn
            (pen-dataset-region (point-min) (point-max) :prompt "joke-token" :show t)
            (let ((plan (whole-dataset-test-plan)))
              (with-current-buffer "*pen-dataset*"
                (pen-dataset-write (expand-file-name "train.jsonl" directory))
                (should-error (pen-dataset-write (expand-file-name "no/such/train.jsonl" directory))
                              :type 'user-error))
              (should (equal (directory-files directory nil "jsonl") '("train.jsonl" "valid.jsonl")))
              (with-temp-buffer
                (insert-file-contents (expand-file-name "train.jsonl" directory))
                (should (= (plist-get plan :train) (count-lines (point-min) (point-max)))))))
        (delete-directory directory t)))))

(provide 'whole-dataset-test)
;;; whole-dataset-test.el ends here
